import time

import boto3

logs = boto3.client("logs")
now = int(time.time() * 1000)

for i in range(3):
    logs.create_log_group(logGroupName=f"/ecs/app{i}", tags={"n": str(i)})
names = [g["logGroupName"] for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/ecs/", PaginationConfig={"PageSize": 1}) for g in page["logGroups"]]
assert names == ["/ecs/app0", "/ecs/app1", "/ecs/app2"], names
logs.put_retention_policy(logGroupName="/ecs/app0", retentionInDays=7)
group = logs.describe_log_groups()["logGroups"][0]
assert group["retentionInDays"] == 7 and group["arn"].endswith(":log-group:/ecs/app0:*"), group
assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"n": "0"}

for s in range(3):
    logs.create_log_stream(logGroupName="/ecs/app0", logStreamName=f"web/{s}")
for i in range(30):
    out = logs.put_log_events(logGroupName="/ecs/app0", logStreamName=f"web/{i % 3}", logEvents=[{"timestamp": now + i, "message": f"line {i}"}])
    assert out["nextSequenceToken"]

streams = [s["logStreamName"] for page in logs.get_paginator("describe_log_streams").paginate(logGroupName="/ecs/app0", orderBy="LastEventTime", descending=True, PaginationConfig={"PageSize": 2}) for s in page["logStreams"]]
assert streams == ["web/2", "web/1", "web/0"], streams

pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/ecs/app0", filterPattern="line", PaginationConfig={"PageSize": 7})
lines = [e["message"] for page in pages for e in page["events"]]
assert lines == [f"line {i}" for i in range(30)], lines

seen, token = [], None
while True:
    args = {"nextToken": token} if token else {}
    out = logs.get_log_events(logGroupName="/ecs/app0", logStreamName="web/1", startFromHead=True, limit=3, **args)
    seen += [e["message"] for e in out["events"]]
    if out["nextForwardToken"] == token:
        break
    token = out["nextForwardToken"]
assert seen == [f"line {i}" for i in range(1, 30, 3)], seen

try:
    logs.create_log_group(logGroupName="/ecs/app0")
    raise SystemExit("a group was made twice")
except logs.exceptions.ResourceAlreadyExistsException as e:
    assert e.response["Error"]["Message"] == "The specified log group already exists", e
