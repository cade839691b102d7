#!/bin/sh
# A service of three tasks behind a load balancer, by the aws CLI alone, as on AWS. It wants a Berth that runs, and its environment:
#   bin/berth dev -d
#   eval "$(bin/berth env)"
set -eu
cd "$(dirname "$0")"
export AWS_PAGER=

vpc=$(aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId' --output text)
subnets=$(aws ec2 describe-subnets --filters Name=default-for-az,Values=true --query 'Subnets[].SubnetId' --output text)

echo "==> a load balancer, and a group of targets behind its port 80"
# shellcheck disable=SC2086 # a word for each subnet
balancer=$(aws elbv2 create-load-balancer --name balanced-web --subnets $subnets --query 'LoadBalancers[0].LoadBalancerArn' --output text)
group=$(aws elbv2 create-target-group --name balanced-web --vpc-id "$vpc" --target-type ip --protocol HTTP --port 8080 \
  --health-check-interval-seconds 5 --healthy-threshold-count 2 --query 'TargetGroups[0].TargetGroupArn' --output text)
aws elbv2 modify-target-group-attributes --target-group-arn "$group" --attributes Key=deregistration_delay.timeout_seconds,Value=5 >/dev/null
aws elbv2 create-listener --load-balancer-arn "$balancer" --protocol HTTP --port 80 \
  --default-actions "Type=forward,TargetGroupArn=$group" >/dev/null

echo "==> a service of three tasks in that group"
aws ecs create-cluster --cluster-name default >/dev/null
aws ecs register-task-definition --cli-input-json file://task-definition.json >/dev/null
aws ecs create-service --service-name balanced-web --task-definition balanced-web --desired-count 3 --launch-type FARGATE \
  --network-configuration "awsvpcConfiguration={subnets=[$(echo $subnets | tr ' ' ,)],assignPublicIp=ENABLED}" \
  --load-balancers "targetGroupArn=$group,containerName=web,containerPort=8080" \
  --deployment-configuration 'deploymentCircuitBreaker={enable=true,rollback=true}' >/dev/null

echo "==> until it is stable"
aws ecs wait services-stable --services balanced-web
echo "It is. \`berth lb ls\` tells its URL."
