# Reads calls as JSON, makes each with boto3, which checks nothing before it sends, and writes the answers as JSON.
import json
import sys

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
client = boto3.client("ecs", region_name="us-east-1", config=config)


# A client of its own for each region would take most of the time.
def sign_for_region(context, **_):
    context.setdefault("signing", {})["region"] = call["region"]


client.meta.events.register("before-call.ecs", sign_for_region)

answers = []
for call in json.load(sys.stdin):
    try:
        output = getattr(client, xform_name(call["op"]))(**call["input"])
        output.pop("ResponseMetadata", None)
        answers.append({"output": output})
    except ClientError as e:
        answers.append({"code": e.response["Error"]["Code"], "message": e.response["Error"]["Message"]})
json.dump(answers, sys.stdout, default=str)
