variable "cluster" { type = string }
variable "task_definition" { type = string }

resource "aws_ecs_service" "this" {
  name            = "web"
  cluster         = var.cluster
  task_definition = var.task_definition
  desired_count   = 2
}

resource "aws_lb" "this" {
  name    = "web"
  subnets = ["subnet-0123456789abcdef0"]
}
