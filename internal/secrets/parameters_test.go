package secrets_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

func (w *world) param(in ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	return w.ssm.PutParameter(w.Context(), &in)
}

// set makes a parameter, or another version of it.
func (w *world) set(name, value string) {
	w.Helper()
	must(w.param(ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}))(w)
}

// get is a parameter's value in clear, or an error's text.
func (w *world) get(name string) string {
	out, err := w.ssm.GetParameter(w.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return err.Error()
	}
	return text(out.Parameter.Value)
}

func TestAParameterIsFoundByNameARNVersionAndLabel(t *testing.T) {
	w := newWorld(t)
	w.set("/app/x", "one")
	w.set("/app/x", "two")
	w.set("plain", "flat")
	label := func(version int64, labels ...string) *ssm.LabelParameterVersionOutput {
		t.Helper()
		return must(w.ssm.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: aws.String("/app/x"), ParameterVersion: &version, Labels: labels}))(t)
	}
	label(1, "blue", "green")
	const arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/app/x"
	for name, want := range map[string]string{
		"/app/x": "two", "/app/x:1": "one", "/app/x:2": "two", "/app/x:blue": "one", arn: "two", arn + ":1": "one", arn + ":green": "one",
		"plain": "flat", "arn:aws:ssm:eu-west-1:123456789012:parameter/plain": "flat",
		"/app/y": "ParameterNotFound", "/app/x:3": "ParameterVersionNotFound: Systems Manager could not find version 3 of /app/x. Verify the version and try again.",
		"/app/x:red": "ParameterVersionNotFound", "arn:aws:ssm:us-east-1:123456789012:parameter/app/x": "ParameterNotFound",
		"arn:aws:ssm:eu-west-1:123456789012:parameter/": "ParameterNotFound",
	} {
		if got := w.get(name); got != want && !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	many := must(w.ssm.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{arn, "/app/x:blue", "/none"}}))(t)
	if len(many.Parameters) != 2 || text(many.Parameters[0].Name) != arn || text(many.Parameters[1].Name)+text(many.Parameters[1].Selector) != "/app/x:blue" ||
		len(many.InvalidParameters) != 1 || many.InvalidParameters[0] != "/none" {
		t.Errorf("answered %+v", many)
	}
	_, err := w.ssm.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{"a", "a"}})
	refused(t, err, "ValidationException", "uplicate")

	label(2, "blue")
	if w.get("/app/x:blue") != "two" || w.get("/app/x:green") != "one" {
		t.Errorf("a label that has moved: %s, one that has not: %s", w.get("/app/x:blue"), w.get("/app/x:green"))
	}
	if out := label(2, "1st", "aws-x", "fine"); len(out.InvalidLabels) != 2 || strings.Contains(w.get("/app/x:fine"), "two") {
		t.Errorf("labels that are none: %+v", out)
	}
	gone := must(w.ssm.UnlabelParameterVersion(t.Context(), &ssm.UnlabelParameterVersionInput{Name: aws.String("/app/x"), ParameterVersion: aws.Int64(1), Labels: []string{"green", "blue"}}))(t)
	if len(gone.RemovedLabels) != 1 || len(gone.InvalidLabels) != 1 || !strings.Contains(w.get("/app/x:green"), "ParameterVersionNotFound") {
		t.Errorf("unlabelled: %+v", gone)
	}
	history := must(w.ssm.GetParameterHistory(t.Context(), &ssm.GetParameterHistoryInput{Name: aws.String("/app/x"), MaxResults: aws.Int32(1)}))(t)
	rest := must(w.ssm.GetParameterHistory(t.Context(), &ssm.GetParameterHistoryInput{Name: aws.String("/app/x"), NextToken: history.NextToken}))(t)
	if len(history.Parameters) != 1 || text(history.Parameters[0].Value) != "one" || len(rest.Parameters) != 1 || text(rest.Parameters[0].Value) != "two" || fmt.Sprint(rest.Parameters[0].Labels) != "[blue]" {
		t.Errorf("history %+v, then %+v", history.Parameters, rest.Parameters)
	}
}

func TestASecureStringIsShownToWhoAsks(t *testing.T) {
	w := newWorld(t)
	must(w.param(ssm.PutParameterInput{Name: aws.String("s"), Value: aws.String("hush"), Type: types.ParameterTypeSecureString, KeyId: aws.String("alias/mine")}))(t)
	sealed := must(w.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("s")}))(t).Parameter
	if text(sealed.Value) == "" || strings.Contains(text(sealed.Value), "hush") || w.get("s") != "hush" {
		t.Errorf("sealed %s, in clear %s", text(sealed.Value), w.get("s"))
	}
	described := must(w.ssm.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{}))(t).Parameters
	if len(described) != 1 || text(described[0].KeyId) != "alias/mine" || described[0].Tier != types.ParameterTierStandard || text(described[0].DataType) != "text" {
		t.Errorf("described %+v", described)
	}
	must(w.param(ssm.PutParameterInput{Name: aws.String("s"), Value: aws.String("hush2"), Overwrite: aws.Bool(true)}))(t)
	if p := must(w.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("s")}))(t).Parameter; p.Type != types.ParameterTypeSecureString || p.Version != 2 {
		t.Errorf("overwritten without a type: %+v", p)
	}
}

// Terraform sends what has changed alone, and reads all of it back.
func TestWhatAnotherVersionDoesNotSayStays(t *testing.T) {
	w := newWorld(t)
	put := func(in ssm.PutParameterInput) (description, key string) {
		t.Helper()
		in.Name, in.Value, in.Overwrite = aws.String("/p"), aws.String("v"), aws.Bool(true)
		must(w.param(in))(t)
		all := must(w.ssm.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{}))(t)
		if len(all.Parameters) != 1 {
			t.Fatalf("%+v", all.Parameters)
		}
		return text(all.Parameters[0].Description), text(all.Parameters[0].KeyId)
	}
	const mine, standard = "alias/mine", "alias/aws/ssm"
	for _, c := range []struct {
		name, description, key string
		in                     ssm.PutParameterInput
	}{
		{"a new parameter", "d", mine, ssm.PutParameterInput{Type: types.ParameterTypeSecureString, Description: aws.String("d"), KeyId: aws.String(mine)}},
		{"a new value", "d", mine, ssm.PutParameterInput{}},
		{"another key", "d", "alias/other", ssm.PutParameterInput{Type: types.ParameterTypeSecureString, KeyId: aws.String("alias/other")}},
		{"no description any more", "", "alias/other", ssm.PutParameterInput{Description: aws.String("")}},
		{"no secret any more", "", "", ssm.PutParameterInput{Type: types.ParameterTypeString}},
		{"a secret again", "", standard, ssm.PutParameterInput{Type: types.ParameterTypeSecureString}},
	} {
		if description, key := put(c.in); description != c.description || key != c.key {
			t.Errorf("%s: description %q, key %q", c.name, description, key)
		}
	}
}

func TestParametersThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.set("there", "v")
	must(w.param(ssm.PutParameterInput{Name: aws.String("large"), Value: aws.String(strings.Repeat("x", 8192)), Type: types.ParameterTypeString, Tier: types.ParameterTierIntelligentTiering}))(t)
	long := strings.Repeat("x", 4097)
	deep := strings.Repeat("/a", 16)
	for _, c := range []struct {
		name, code, text string
		in               ssm.PutParameterInput
	}{
		{"it is there", "ParameterAlreadyExists", "To overwrite this value, set the overwrite option in the request to true.", ssm.PutParameterInput{Name: aws.String("there"), Value: aws.String("v"), Type: "String"}},
		{"no type", "ValidationException", "A parameter type is required when you create a parameter.", ssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("v")}},
		{"a type that is none", "ValidationException", "Member must satisfy enum value set", ssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("v"), Type: "Text"}},
		{"too large", "ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters.", ssm.PutParameterInput{Name: aws.String("n"), Value: &long, Type: "String"}},
		{"too large for any", "ValidationException", "Advanced tier parameters support a maximum parameter value of 8192 characters.", ssm.PutParameterInput{Name: aws.String("n"), Value: aws.String(long + long), Type: "String", Tier: "Advanced"}},
		{"a lower tier", "ValidationException", "You can't downgrade a parameter", ssm.PutParameterInput{Name: aws.String("large"), Value: aws.String("v"), Overwrite: aws.Bool(true), Tier: "Standard"}},
		{"tags with overwrite", "ValidationException", "tags and overwrite can't be used together", ssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("v"), Type: "String", Overwrite: aws.Bool(true), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}},
		{"a name like AWS's", "ValidationException", `can't be prefixed with "aws" or "ssm"`, ssm.PutParameterInput{Name: aws.String("awsX"), Value: aws.String("v"), Type: "String"}},
		{"a path of AWS's", "AccessDeniedException", "No access to reserved parameter name: /aws/x.", ssm.PutParameterInput{Name: aws.String("/aws/x"), Value: aws.String("v"), Type: "String"}},
		{"a name with a blank", "ValidationException", "Parameter name", ssm.PutParameterInput{Name: aws.String("a b"), Value: aws.String("v"), Type: "String"}},
		{"half a path", "ValidationException", "must be a fully qualified name", ssm.PutParameterInput{Name: aws.String("a/b"), Value: aws.String("v"), Type: "String"}},
		{"a path too deep", "HierarchyLevelLimitExceededException", "15 levels", ssm.PutParameterInput{Name: &deep, Value: aws.String("v"), Type: "String"}},
		{"a value that does not match", "ParameterPatternMismatchException", `Parameter value, cannot be validated against allowedPattern: \d+`, ssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("v1"), Type: "String", AllowedPattern: aws.String(`\d+`)}},
		{"a pattern that is none", "InvalidAllowedPatternException", "", ssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("v"), Type: "String", AllowedPattern: aws.String(`(`)}},
		{"a policy", "ValidationException", "is not supported by Berth yet", ssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("v"), Type: "String", Policies: aws.String("[]")}},
		{"an image's id", "ValidationException", "is not supported by Berth yet", ssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("v"), Type: "String", DataType: aws.String("aws:ec2:image")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.param(c.in)
			refused(t, err, c.code, c.text)
		})
	}
	_, err := w.ssm.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("none")})
	refused(t, err, "ParameterNotFound", "")
	_, err = w.ssm.ListTagsForResource(t.Context(), &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("none")})
	refused(t, err, "InvalidResourceId", "")
}

func TestTheHierarchy(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"/a", "/a/b", "/a/b/c", "/a/b/d", "/ab/c", "top", "/z"} {
		w.set(name, name)
	}
	list := func(in ssm.GetParametersByPathInput) string {
		t.Helper()
		var names []string
		for {
			out := must(w.ssm.GetParametersByPath(t.Context(), &in))(t)
			for _, p := range out.Parameters {
				names = append(names, text(p.Value))
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return strings.Join(names, " ")
			}
		}
	}
	for _, c := range []struct {
		path      string
		recursive bool
		want      string
	}{
		{"/a", false, "/a/b"}, {"/a/", false, "/a/b"}, {"/a", true, "/a/b /a/b/c /a/b/d"}, {"/", false, "/a /z top"}, {"/none", true, ""},
		{"/", true, "/a /a/b /a/b/c /a/b/d /ab/c /z top"},
	} {
		for _, limit := range []int32{1, 2, 10} {
			if got := list(ssm.GetParametersByPathInput{Path: &c.path, Recursive: &c.recursive, MaxResults: &limit}); got != c.want {
				t.Errorf("%s recursive %v by %d: %q, want %q", c.path, c.recursive, limit, got, c.want)
			}
		}
	}
	for i := range 12 {
		w.set(fmt.Sprintf("/many/%02d", i), "v")
	}
	first := must(w.ssm.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: aws.String("/many")}))(t)
	if len(first.Parameters) != 10 || first.NextToken == nil {
		t.Errorf("a page has %d", len(first.Parameters))
	}
	_, err := w.ssm.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: aws.String("/a"), NextToken: first.NextToken})
	refused(t, err, "InvalidNextToken", "")
	_, err = w.ssm.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: aws.String("a")})
	refused(t, err, "ValidationException", "must begin with a forward slash")
	gone := must(w.ssm.DeleteParameters(t.Context(), &ssm.DeleteParametersInput{Names: []string{"/a", "/none", "/z"}}))(t)
	if fmt.Sprint(gone.DeletedParameters, gone.InvalidParameters) != "[/a /z] [/none]" || list(ssm.GetParametersByPathInput{Path: aws.String("/")}) != "top" {
		t.Errorf("deleted %v, not there %v", gone.DeletedParameters, gone.InvalidParameters)
	}
}

func TestParametersAreDescribedByFilters(t *testing.T) {
	w := newWorld(t)
	must(w.param(ssm.PutParameterInput{Name: aws.String("/a/x"), Value: aws.String("v"), Type: "SecureString", Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("prod")}}}))(t)
	w.set("/a/b/y", "v")
	must(w.ssm.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/a/b/y"), Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("test")}, {Key: aws.String("k"), Value: aws.String("")}}}))(t)
	must(w.ssm.RemoveTagsFromResource(t.Context(), &ssm.RemoveTagsFromResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/a/b/y"), TagKeys: []string{"k"}}))(t)
	if tags := must(w.ssm.ListTagsForResource(t.Context(), &ssm.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/a/b/y")}))(t).TagList; len(tags) != 1 || text(tags[0].Value) != "test" {
		t.Errorf("tags %v", tags)
	}
	for _, c := range []struct {
		key, option string
		values      []string
		want        string
	}{
		{"Name", "Equals", []string{"/a/x"}, "/a/x"}, {"Name", "BeginsWith", []string{"/a/b"}, "/a/b/y"}, {"Name", "Contains", []string{"y"}, "/a/b/y"},
		{"Type", "", []string{"SecureString"}, "/a/x"}, {"Path", "OneLevel", []string{"/a"}, "/a/x"}, {"Path", "Recursive", []string{"/a"}, "/a/b/y /a/x"},
		{"tag:env", "", []string{"prod", "none"}, "/a/x"}, {"tag:env", "", nil, "/a/b/y /a/x"}, {"Tier", "", []string{"Advanced"}, ""}, {"KeyId", "BeginsWith", []string{"alias/aws"}, "/a/x"},
	} {
		f := types.ParameterStringFilter{Key: &c.key, Values: c.values}
		if c.option != "" {
			f.Option = &c.option
		}
		var names []string
		for _, p := range must(w.ssm.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{f}}))(t).Parameters {
			names = append(names, text(p.Name))
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s %s %v: %q, want %q", c.key, c.option, c.values, got, c.want)
		}
	}
	wrong := func(f types.ParameterStringFilter) error {
		_, err := w.ssm.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{f}})
		return err
	}
	refused(t, wrong(types.ParameterStringFilter{Key: aws.String("Type"), Option: aws.String("Contains"), Values: []string{"x"}}), "InvalidFilterOption", "Contains")
	refused(t, wrong(types.ParameterStringFilter{Key: aws.String("Name")}), "InvalidFilterValue", "Name")
}

func TestAHundredVersionsOfAParameterAreKept(t *testing.T) {
	w := newWorld(t)
	for i := range 101 {
		w.set("p", fmt.Sprint(i+1))
	}
	if got := w.get("p:1"); !strings.Contains(got, "ParameterVersionNotFound") || w.get("p:2") != "2" || w.get("p") != "101" {
		t.Errorf("the first is %s, the second %s", got, w.get("p:2"))
	}
	must(w.ssm.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: aws.String("p"), ParameterVersion: aws.Int64(2), Labels: []string{"keep"}}))(t)
	_, err := w.param(ssm.PutParameterInput{Name: aws.String("p"), Value: aws.String("v"), Overwrite: aws.Bool(true)})
	refused(t, err, "ParameterMaxVersionLimitExceeded", "Version 2, the oldest version, can't be deleted because it has a label")
	must(w.ssm.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("p")}))(t)
	for range w.Parameters.Sealed() {
		t.Fatal("a value is left")
	}
}
