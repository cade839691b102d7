# Services as people write them: on Fargate behind a load balancer, by capacity providers, on container instances, one on each
# instance, and one whose task sets somebody else deploys.

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

data "aws_subnets" "default" {
  filter {
    name   = "default-for-az"
    values = [true]
  }
}

data "aws_subnet" "default" {
  id = data.aws_subnets.default.ids[0]
}

resource "aws_ecs_cluster" "main" {
  name = "services"
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  cluster_name       = aws_ecs_cluster.main.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_ecs_task_definition" "web" {
  family                   = "services-web"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  container_definitions = jsonencode([{
    name         = "web"
    image        = "berth/hello"
    essential    = true
    portMappings = [{ containerPort = 8080 }]
  }])
}

resource "aws_ecs_task_definition" "host" {
  family       = "services-host"
  network_mode = "bridge"
  container_definitions = jsonencode([{
    name         = "host"
    image        = "berth/hello"
    memory       = 64
    essential    = true
    portMappings = [{ containerPort = 8080, hostPort = 0 }]
  }])
}

resource "aws_lb" "web" {
  name               = "services"
  load_balancer_type = "application"
  subnets            = data.aws_subnets.default.ids
}

resource "aws_lb_target_group" "web" {
  name                 = "services-web"
  port                 = 8080
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = data.aws_subnet.default.vpc_id
  deregistration_delay = 0
}

resource "aws_lb_listener" "web" {
  load_balancer_arn = aws_lb.web.arn
  port              = 80
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}

resource "aws_ecs_service" "web" {
  name                              = "web"
  cluster                           = aws_ecs_cluster.main.id
  task_definition                   = aws_ecs_task_definition.web.arn
  desired_count                     = 2
  launch_type                       = "FARGATE"
  platform_version                  = "LATEST"
  enable_ecs_managed_tags           = true
  enable_execute_command            = true
  propagate_tags                    = "SERVICE"
  health_check_grace_period_seconds = 10
  wait_for_steady_state             = true
  network_configuration {
    subnets          = data.aws_subnets.default.ids
    assign_public_ip = true
  }
  load_balancer {
    target_group_arn = aws_lb_target_group.web.arn
    container_name   = "web"
    container_port   = 8080
  }
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  deployment_minimum_healthy_percent = 50
  tags                               = { Env = "prod" }
  depends_on                         = [aws_lb_listener.web]
}

resource "aws_ecs_service" "spot" {
  name                          = "spot"
  cluster                       = aws_ecs_cluster.main.id
  task_definition               = aws_ecs_task_definition.web.arn
  desired_count                 = 1
  availability_zone_rebalancing = "ENABLED"
  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = 1
  }
  network_configuration {
    subnets = data.aws_subnets.default.ids
  }
  depends_on = [aws_ecs_cluster_capacity_providers.main]
}

resource "aws_ecs_service" "placed" {
  name            = "placed"
  task_definition = aws_ecs_task_definition.host.arn
  cluster         = "default"
  desired_count   = 1
  ordered_placement_strategy {
    type  = "spread"
    field = "instanceId"
  }
  ordered_placement_strategy {
    type  = "binpack"
    field = "memory"
  }
  placement_constraints {
    type       = "memberOf"
    expression = "attribute:ecs.os-type == linux"
  }
  force_delete = true
}

resource "aws_ecs_service" "each" {
  name                = "each"
  task_definition     = aws_ecs_task_definition.host.arn
  cluster             = "default"
  scheduling_strategy = "DAEMON"
}

resource "aws_ecs_service" "external" {
  name          = "external"
  cluster       = aws_ecs_cluster.main.id
  desired_count = 1
  deployment_controller {
    type = "EXTERNAL"
  }
}

resource "aws_ecs_task_set" "external" {
  service         = aws_ecs_service.external.id
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.web.arn
  launch_type     = "FARGATE"
  external_id     = "blue"
  network_configuration {
    subnets = data.aws_subnets.default.ids
  }
  scale {
    value = 100
  }
  wait_until_stable = true
  force_delete      = true
}

data "aws_ecs_service" "web" {
  service_name = aws_ecs_service.web.name
  cluster_arn  = aws_ecs_cluster.main.arn
}

output "service" {
  value = "${data.aws_ecs_service.web.desired_count} of ${data.aws_ecs_service.web.launch_type}"
}
