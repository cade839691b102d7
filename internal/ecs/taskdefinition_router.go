package ecs

import (
	"strconv"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// refuseS3 finds FireLens routers whose configuration is in S3.
func refuseS3(r *api.RegisterTaskDefinitionRequest) (found []wire.Refusal) {
	for i := range r.ContainerDefinitions {
		if f := r.ContainerDefinitions[i].FirelensConfiguration; f != nil && f.Options["config-file-type"] == "s3" {
			found = append(found, wire.Refusal{Where: "containerDefinitions[" + strconv.Itoa(i) + "].firelensConfiguration.options.config-file-type",
				Why: "S3 is not read. Put the file into the router's image, and set it to file"})
		}
	}
	return found
}
