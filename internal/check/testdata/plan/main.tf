terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "5.100.0" }
  }
}

provider "aws" { region = "us-east-1" }

data "aws_caller_identity" "me" {}
data "aws_availability_zones" "here" {}
data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "task" {
  name               = "shop"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_cloudwatch_log_group" "shop" {
  name              = "/ecs/shop"
  retention_in_days = 7
}

resource "aws_ecs_cluster" "shop" {
  name = "shop"
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
  tags = { Team = "shop" }
}

resource "aws_ecs_cluster_capacity_providers" "shop" {
  cluster_name       = aws_ecs_cluster.shop.name
  capacity_providers = ["FARGATE"]
  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

resource "aws_ecs_task_definition" "web" {
  family                   = "web"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = "256"
  memory                   = "512"
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
  container_definitions = jsonencode([{
    name         = "web"
    image        = "berth/hello"
    portMappings = [{ containerPort = 8080 }]
    colour       = "red"
    secrets      = [{ name = "TOKEN", valueFrom = "arn:aws:ssm:us-east-1:000000000000:parameter/token" }]
  }])
}

resource "aws_ecs_task_definition" "batch" {
  family                = "batch"
  network_mode          = "bridge"
  task_role_arn         = aws_iam_role.task.arn
  container_definitions = jsonencode([{ name = "batch", image = "${aws_ecr_repository.batch.repository_url}:1", memory = 128 }])
  volume {
    name      = "scratch"
    host_path = "/var/scratch"
  }
  volume {
    name = "shared"
    efs_volume_configuration {
      file_system_id     = "fs-0123456789abcdef0"
      transit_encryption = "ENABLED"
      authorization_config { iam = "ENABLED" }
    }
  }
  placement_constraints {
    type       = "memberOf"
    expression = "attribute:ecs.instance-type =~ t3.*"
  }
  proxy_configuration {
    container_name = "envoy"
    properties     = { AppPorts = "8080", IgnoredUID = "1337" }
  }
}

resource "aws_ecr_repository" "batch" { name = "batch" }

module "web" {
  source          = "./service"
  cluster         = aws_ecs_cluster.shop.id
  task_definition = aws_ecs_task_definition.web.arn
}
