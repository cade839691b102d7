import boto3
from botocore.exceptions import ClientError

elb = boto3.client('elbv2')
lb = elb.create_load_balancer(Name='web', Subnets=['subnet-a', 'subnet-b'], Tags=[{'Key': 'team', 'Value': 'blue'}])['LoadBalancers'][0]
arn = lb['LoadBalancerArn']
elb.get_waiter('load_balancer_exists').wait(LoadBalancerArns=[arn], WaiterConfig={'Delay': 1})
elb.get_waiter('load_balancer_available').wait(LoadBalancerArns=[arn], WaiterConfig={'Delay': 1})
assert lb['AvailabilityZones'][0]['LoadBalancerAddresses'] == [], lb
assert lb['CreatedTime'].year >= 2024, lb

group = elb.create_target_group(Name='web', Protocol='HTTP', Port=80, VpcId='vpc-0a', TargetType='ip')['TargetGroups'][0]
assert group['Matcher'] == {'HttpCode': '200'} and group['LoadBalancerArns'] == [] and group['HealthCheckEnabled'] is True, group
forward = [{'Type': 'forward', 'TargetGroupArn': group['TargetGroupArn']}]
listener = elb.create_listener(LoadBalancerArn=arn, Protocol='HTTP', Port=80, DefaultActions=forward)['Listeners'][0]
assert 'Certificates' not in listener and listener['DefaultActions'][0]['ForwardConfig']['TargetGroups'][0]['Weight'] == 1, listener
rule = elb.create_rule(ListenerArn=listener['ListenerArn'], Priority=10, Actions=forward,
                       Conditions=[{'Field': 'http-header', 'HttpHeaderConfig': {'HttpHeaderName': 'X-A', 'Values': ['b']}}])['Rules'][0]
assert rule['Priority'] == '10' and rule['IsDefault'] is False and rule['Conditions'][0]['HttpHeaderConfig']['Values'] == ['b'], rule
rules = elb.describe_rules(ListenerArn=listener['ListenerArn'])['Rules']
assert [r['Priority'] for r in rules] == ['10', 'default'] and rules[1]['Conditions'] == [], rules

for page in elb.get_paginator('describe_target_groups').paginate(LoadBalancerArn=arn, PaginationConfig={'PageSize': 1}):
    assert page['TargetGroups'][0]['LoadBalancerArns'] == [arn], page
attributes = {a['Key']: a['Value'] for a in elb.describe_load_balancer_attributes(LoadBalancerArn=arn)['Attributes']}
assert attributes['idle_timeout.timeout_seconds'] == '60' and attributes['access_logs.s3.bucket'] == '', attributes
assert elb.describe_capacity_reservation(LoadBalancerArn=arn)['CapacityReservationState'] == []
assert {l['Name']: l['Max'] for l in elb.describe_account_limits()['Limits']}['rules-per-application-load-balancer'] == '100'
assert elb.describe_tags(ResourceArns=[arn, rule['RuleArn']])['TagDescriptions'] == [
    {'ResourceArn': arn, 'Tags': [{'Key': 'team', 'Value': 'blue'}]}, {'ResourceArn': rule['RuleArn'], 'Tags': []}]

elb.register_targets(TargetGroupArn=group['TargetGroupArn'], Targets=[{'Id': '10.0.0.5', 'Port': 8080}])
health = elb.describe_target_health(TargetGroupArn=group['TargetGroupArn'])['TargetHealthDescriptions']
assert health == [{'Target': {'Id': '10.0.0.5', 'Port': 8080, 'AvailabilityZone': 'eu-west-1a'}, 'HealthCheckPort': '8080',
                   'TargetHealth': {'State': 'initial', 'Reason': 'Elb.RegistrationInProgress', 'Description': 'Target registration is in progress'}}], health
try:
    elb.delete_target_group(TargetGroupArn=group['TargetGroupArn']); assert False
except elb.exceptions.ResourceInUseException as e:
    assert 'is currently in use by a listener or a rule' in str(e), e
try:
    elb.create_trust_store(Name='a', CaCertificatesBundleS3Bucket='b', CaCertificatesBundleS3Key='c'); assert False
except ClientError as e:
    assert e.response['ResponseMetadata']['HTTPStatusCode'] == 400, e.response
elb.delete_load_balancer(LoadBalancerArn=arn)
elb.get_waiter('load_balancers_deleted').wait(LoadBalancerArns=[arn], WaiterConfig={'Delay': 1})
elb.delete_target_group(TargetGroupArn=group['TargetGroupArn'])
