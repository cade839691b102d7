package errors

import (
	"errors"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/iam"
)

// withGoSDK calls the SDK's methods by their names. It does not check the input itself: the server is asked.
func withGoSDK(t *testing.T, endpoint string, key iam.Key, calls []call) (answers []answer) {
	for _, c := range calls {
		sdk := ecs.New(ecs.Options{
			Region: c.Region, BaseEndpoint: &endpoint, Retryer: aws.NopRetryer{},
			Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
			APIOptions: []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
				_, _ = stack.Initialize.Remove("OperationInputValidation") // not there where nothing is required
				return nil
			}},
		})
		method := reflect.ValueOf(sdk).MethodByName(c.Op)
		if !method.IsValid() {
			t.Fatalf("the SDK has no operation %s", c.Op)
		}
		in := reflect.New(method.Type().In(1).Elem())
		if err := json.Unmarshal(c.Input, in.Interface(), json.MatchCaseInsensitiveNames(true), json.RejectUnknownMembers(true)); err != nil {
			t.Fatalf("the input of %s: %v", c.Op, err)
		}
		out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
		answers = append(answers, answerOf(t, out[0].Interface(), out[1].Interface()))
	}
	return answers
}

func answerOf(t *testing.T, out, err any) (a answer) {
	var api smithy.APIError
	switch err, _ := err.(error); {
	case errors.As(err, &api):
		return answer{Code: api.ErrorCode(), Message: api.ErrorMessage()}
	case err != nil:
		t.Fatal(err)
	}
	text, failed := json.Marshal(out, json.FormatNilSliceAsNull(true), json.WithMarshalers(json.MarshalFunc(func(middleware.Metadata) ([]byte, error) {
		return []byte("null"), nil
	})))
	if failed == nil {
		failed = json.Unmarshal(text, &a.Output)
	}
	if failed != nil {
		t.Fatal(failed)
	}
	return a
}
