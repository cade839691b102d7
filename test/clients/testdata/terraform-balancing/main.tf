# Load balancers as people write them: one for HTTP and HTTPS with rules, one for TCP.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  default_tags {
    tags = { Owner = "platform" }
  }
}

variable "path" {
  default = "/up"
}

variable "weights" {
  type    = list(number)
  default = [9, 1]
}

variable "idle" {
  default = 60
}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}

data "aws_security_group" "default" {
  vpc_id = data.aws_vpc.default.id
  name   = "default"
}

resource "aws_acm_certificate" "web" {
  domain_name       = "web.example.com"
  validation_method = "DNS"
}

resource "aws_acm_certificate" "other" {
  domain_name       = "other.example.com"
  validation_method = "DNS"
}

resource "aws_lb" "web" {
  name               = "web"
  load_balancer_type = "application"
  subnets            = data.aws_subnets.default.ids
  security_groups    = [data.aws_security_group.default.id]
  idle_timeout       = var.idle
  tags               = { Env = "prod" }
}

resource "aws_lb_target_group" "web" {
  count                = 2
  name                 = "web-${count.index}"
  port                 = 8080
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = data.aws_vpc.default.id
  deregistration_delay = 5
  slow_start           = 30
  health_check {
    path                = var.path
    matcher             = "200-299"
    interval            = 10
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
  stickiness {
    type            = "lb_cookie"
    cookie_duration = 600
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.web.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.web.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate.web.arn

  routing_http_response_x_frame_options_header_value = "DENY"

  default_action {
    type = "forward"
    forward {
      target_group {
        arn    = aws_lb_target_group.web[0].arn
        weight = var.weights[0]
      }
      target_group {
        arn    = aws_lb_target_group.web[1].arn
        weight = var.weights[1]
      }
      stickiness {
        enabled  = true
        duration = 600
      }
    }
  }
}

resource "aws_lb_listener_certificate" "other" {
  listener_arn    = aws_lb_listener.https.arn
  certificate_arn = aws_acm_certificate.other.arn
}

resource "aws_lb_listener_rule" "path" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web[0].arn
  }
  condition {
    path_pattern { values = ["/api/*"] }
  }
  condition {
    host_header { values = ["*.example.com"] }
  }
}

resource "aws_lb_listener_rule" "closed" {
  listener_arn = aws_lb_listener.https.arn
  action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "closed"
      status_code  = "503"
    }
  }
  condition {
    http_request_method { values = ["DELETE"] }
  }
  condition {
    query_string {
      key   = "v"
      value = "1"
    }
    query_string { value = "all" }
  }
  condition {
    http_header {
      http_header_name = "X-Test"
      values           = ["a*"]
    }
  }
  condition {
    source_ip { values = ["10.0.0.0/8"] }
  }
}

resource "aws_lb_target_group_attachment" "one" {
  target_group_arn = aws_lb_target_group.web[0].arn
  target_id        = "172.31.0.77"
  port             = 8081
}

resource "aws_lb" "tcp" {
  name                             = "tcp"
  load_balancer_type               = "network"
  internal                         = true
  enable_cross_zone_load_balancing = true
  subnet_mapping {
    subnet_id = data.aws_subnets.default.ids[0]
  }
}

resource "aws_lb_target_group" "tcp" {
  name        = "tcp"
  port        = 5432
  protocol    = "TCP"
  target_type = "ip"
  vpc_id      = data.aws_vpc.default.id
}

resource "aws_lb_listener" "tcp" {
  load_balancer_arn = aws_lb.tcp.arn
  port              = 5432
  protocol          = "TCP"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.tcp.arn
  }
}

data "aws_lb" "web" {
  arn = aws_lb.web.arn
}

data "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.web.arn
  port              = aws_lb_listener.https.port
}

output "name" { value = data.aws_lb.web.dns_name }
output "policy" { value = data.aws_lb_listener.https.ssl_policy }
