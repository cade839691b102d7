#!/bin/sh
# What `make demo` shows: Berth starts, runs a task definition in a real container, and the container's page answers.
set -eu
cd "$(dirname "$0")/../.."
berth=bin/berth

echo "==> berth dev -d"
$berth dev -d
echo "==> berth run examples/hello-web/task-definition.json"
url=$($berth run examples/hello-web/task-definition.json --print url)
echo "==> $url"
CGO_ENABLED=0 go run ./examples/hello-web/fetch "$url"
cat <<EOF

Berth is up and the task runs. Let aws, boto3, Terraform and the SDKs talk to it:

  eval "\$($berth env)"
  aws ecs list-tasks

Or in Berth's own words:

  $berth ps
  $berth logs -f hello-web
  $berth stop hello-web
  $berth help

\`$berth down\` ends Berth and its tasks; \`$berth clean\` removes all that it made.
EOF
