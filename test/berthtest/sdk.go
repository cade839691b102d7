package berthtest

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// SDK is the configuration of the Go SDK that the printed exports amount to.
func (b *Berth) SDK() aws.Config {
	b.t.Helper()
	values := map[string]string{}
	for _, v := range b.Env() {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value
	}
	return aws.Config{
		BaseEndpoint: aws.String(values["AWS_ENDPOINT_URL"]),
		Region:       values["AWS_REGION"],
		Credentials:  credentials.NewStaticCredentialsProvider(values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"], ""),
	}
}
