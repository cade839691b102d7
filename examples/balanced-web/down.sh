#!/bin/sh
# Removes what up.sh made.
set -eu
export AWS_PAGER=
aws ecs delete-service --service balanced-web --force >/dev/null
aws ecs wait services-inactive --services balanced-web
aws elbv2 delete-load-balancer --load-balancer-arn \
  "$(aws elbv2 describe-load-balancers --names balanced-web --query 'LoadBalancers[0].LoadBalancerArn' --output text)"
aws elbv2 delete-target-group --target-group-arn \
  "$(aws elbv2 describe-target-groups --names balanced-web --query 'TargetGroups[0].TargetGroupArn' --output text)"
