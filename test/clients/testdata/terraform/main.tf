# What is not about services, as people write it: clusters with capacity providers, task definitions, settings, tags, and the
# data sources that read them.

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

resource "aws_cloudwatch_log_group" "app" {
  name              = "/ecs/app"
  retention_in_days = 7
}

resource "aws_ecs_cluster" "main" {
  name = "main"
  setting {
    name  = "containerInsights"
    value = "disabled"
  }
  configuration {
    execute_command_configuration {
      logging = "OVERRIDE"
      log_configuration {
        cloud_watch_log_group_name = aws_cloudwatch_log_group.app.name
      }
    }
  }
  tags = { Env = "prod" }
}

resource "aws_ecs_capacity_provider" "racks" {
  name = "racks"
  auto_scaling_group_provider {
    auto_scaling_group_arn         = "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:a1b2c3d4-5678-90ab-cdef-111111111111:autoScalingGroupName/racks"
    managed_termination_protection = "DISABLED"
    managed_draining               = "DISABLED"
    managed_scaling {
      status          = "DISABLED"
      target_capacity = 90
    }
  }
  lifecycle {
    ignore_changes = [tags, tags_all] # aws_ecs_tag below adds one
  }
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  cluster_name       = aws_ecs_cluster.main.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT", aws_ecs_capacity_provider.racks.name]
  default_capacity_provider_strategy {
    base              = 1
    weight            = 100
    capacity_provider = "FARGATE"
  }
}

resource "aws_ecs_task_definition" "web" {
  family                   = "web"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = "arn:aws:iam::000000000000:role/ecsTaskExecutionRole"
  task_role_arn            = "arn:aws:iam::000000000000:role/app"
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
  container_definitions = jsonencode([
    {
      name         = "web"
      image        = "berth/hello"
      essential    = true
      cpu          = 128
      portMappings = [{ containerPort = 8080, protocol = "tcp", name = "http", appProtocol = "http" }]
      environment  = [{ name = "STAGE", value = "prod" }, { name = "DEBUG", value = "0" }]
      logConfiguration = {
        logDriver = "awslogs"
        options   = { awslogs-group = aws_cloudwatch_log_group.app.name, awslogs-region = "us-east-1", awslogs-stream-prefix = "web" }
      }
      ulimits                = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
      linuxParameters        = { initProcessEnabled = true }
      readonlyRootFilesystem = true
      stopTimeout            = 5
    },
    {
      name              = "side"
      image             = "berth/hello"
      essential         = false
      memoryReservation = 64
      environment       = [{ name = "PORT", value = "8081" }]
    },
  ])
  tags = { Env = "prod" }
}

resource "aws_ecs_task_definition" "host" {
  family       = "host"
  network_mode = "host"
  container_definitions = jsonencode([{
    name           = "host"
    image          = "berth/hello"
    memory         = 64
    essential      = true
    portMappings   = [{ containerPort = 9090, hostPort = 9090 }]
    environment    = []
    mountPoints    = []
    volumesFrom    = []
    systemControls = []
  }])
  placement_constraints {
    type       = "memberOf"
    expression = "attribute:ecs.os-type == linux"
  }
}

# It ends at once: nothing answers its health check.
resource "aws_ecs_task_definition" "probe" {
  family                   = "probe"
  requires_compatibilities = ["EC2", "FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = "1024"
  memory                   = "2048"
  container_definitions    = <<-JSON
    [{"name": "probe", "image": "berth/hello", "command": ["health"]}]
  JSON
}

resource "aws_ecs_account_setting_default" "driver" {
  name  = "defaultLogDriverMode"
  value = "blocking"
}

resource "aws_ecs_tag" "racks" {
  resource_arn = aws_ecs_capacity_provider.racks.arn
  key          = "Room"
  value        = "2"
}

data "aws_ecs_cluster" "main" {
  cluster_name = aws_ecs_cluster_capacity_providers.main.cluster_name
}

data "aws_ecs_task_definition" "web" {
  task_definition = aws_ecs_task_definition.web.family
  depends_on      = [aws_ecs_task_definition.web]
}

data "aws_ecs_container_definition" "web" {
  task_definition = aws_ecs_task_definition.web.arn
  container_name  = "web"
}

data "aws_subnets" "default" {}

data "aws_ecs_task_execution" "probe" {
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.probe.arn
  desired_count   = 1
  launch_type     = "FARGATE"
  network_configuration {
    subnets = data.aws_subnets.default.ids
  }
}

output "cluster" {
  value = data.aws_ecs_cluster.main.status
}

output "definition" {
  value = data.aws_ecs_task_definition.web.arn_without_revision
}

output "image" {
  value = data.aws_ecs_container_definition.web.image
}

output "tasks" {
  value = length(data.aws_ecs_task_execution.probe.task_arns)
}

resource "aws_acm_certificate" "web" {
  domain_name               = "web.example.com"
  subject_alternative_names = ["*.web.example.com"]
  validation_method         = "DNS"
}

resource "aws_acm_certificate_validation" "web" {
  certificate_arn         = aws_acm_certificate.web.arn
  validation_record_fqdns = [for o in aws_acm_certificate.web.domain_validation_options : o.resource_record_name]
}
