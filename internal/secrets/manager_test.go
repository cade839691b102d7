package secrets_test

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const noSecret = "Secrets Manager can't find the specified secret."

func (w *world) create(name, value string) *secretsmanager.CreateSecretOutput {
	w.Helper()
	return must(w.manager.CreateSecret(w.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value}))(w)
}

func (w *world) put(id, value string, stages ...string) *secretsmanager.PutSecretValueOutput {
	w.Helper()
	return must(w.manager.PutSecretValue(w.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &value, VersionStages: stages}))(w)
}

// value is what GetSecretValue answers: a value, or an error's code.
func (w *world) value(id, version, stage string) string {
	w.Helper()
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	if version != "" {
		in.VersionId = &version
	}
	if stage != "" {
		in.VersionStage = &stage
	}
	out, err := w.manager.GetSecretValue(w.Context(), in)
	if err != nil {
		return err.Error()
	}
	return text(out.SecretString)
}

func TestASecretIsFoundByItsNameAndARN(t *testing.T) {
	w := newWorld(t)
	arn := text(w.create("team/db", "one").ARN)
	if !regexp.MustCompile(`^arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/db-[A-Za-z0-9]{6}$`).MatchString(arn) {
		t.Fatalf("its ARN is %s", arn)
	}
	bare := arn[:len(arn)-7]
	w.create("looks-like1", "two")
	for id, want := range map[string]string{
		"team/db": "one", arn: "one", bare: "one", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:looks-like1": "two",
		"db": noSecret, bare + "-aaaaaa": noSecret, strings.Replace(arn, "eu-west-1", "us-east-1", 1): noSecret,
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:": noSecret, "-abcdef": noSecret,
	} {
		if got := w.value(id, "", ""); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	other, _ := w.of("999999999999", "eu-west-1")
	_, err := other.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn})
	refused(t, err, "ResourceNotFoundException", noSecret)
	elsewhere, _ := w.of(account, "us-east-1")
	_, err = elsewhere.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("team/db")})
	refused(t, err, "ResourceNotFoundException", noSecret)
}

func TestVersionsAndTheirStages(t *testing.T) {
	w := newWorld(t)
	first := text(w.create("s", "one").VersionId)
	second := text(w.put("s", "two").VersionId)
	check := func(what, version, stage, want string) {
		t.Helper()
		if got := w.value("s", version, stage); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	check("the current one", "", "", "two")
	check("the one before", "", "AWSPREVIOUS", "one")
	check("by its id", first, "", "one")
	check("by both", second, "AWSCURRENT", "two")
	check("a stage of another", first, "AWSCURRENT", "InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId.")
	check("a stage of none", "", "AWSPENDING", "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSPENDING")
	check("an id of none", strings.Repeat("a", 32), "", "find the specified secret value for VersionId: aaaa")

	pending := w.put("s", "three", "AWSPENDING", "mine")
	check("a version that is not current yet", "", "", "two")
	check("by AWSPENDING", "", "AWSPENDING", "three")
	third := text(pending.VersionId)
	move := func(stage, from, to string) error {
		in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: &stage}
		if from != "" {
			in.RemoveFromVersionId = &from
		}
		if to != "" {
			in.MoveToVersionId = &to
		}
		_, err := w.manager.UpdateSecretVersionStage(t.Context(), in)
		return err
	}
	refused(t, move("AWSCURRENT", "", third), "InvalidParameterException", "you must explicitly reference that version in RemoveFromVersionId")
	refused(t, move("AWSCURRENT", first, third), "InvalidParameterException", "is not attached to version "+first)
	refused(t, move("AWSCURRENT", second, ""), "InvalidParameterException", "AWSCURRENT")
	refused(t, move("AWSCURRENT", "", ""), "InvalidParameterException", "MoveToVersionId")
	if err := move("AWSCURRENT", second, third); err != nil {
		t.Fatal(err)
	}
	if err := move("mine", third, ""); err != nil {
		t.Fatal(err)
	}
	got := must(w.manager.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")}))(t).VersionIdsToStages
	want := map[string][]string{second: {"AWSPREVIOUS"}, third: {"AWSPENDING", "AWSCURRENT"}}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("stages %v, want %v", got, want)
	}
	list := func(all bool) int {
		return len(must(w.manager.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("s"), IncludeDeprecated: &all}))(t).Versions)
	}
	if list(false) != 2 || list(true) != 3 {
		t.Errorf("%d versions with stages, %d in all", list(false), list(true))
	}
}

func TestARepeatedRequestChangesNothing(t *testing.T) {
	w := newWorld(t)
	token := aws.String(strings.Repeat("ab", 16))
	create := func(value string) (*secretsmanager.CreateSecretOutput, error) {
		return w.manager.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: &value, ClientRequestToken: token})
	}
	first, again := must(create("v"))(t), must(create("v"))(t)
	if text(first.ARN) != text(again.ARN) || text(again.VersionId) != *token {
		t.Errorf("created %v, then %v", first, again)
	}
	_, err := create("other")
	refused(t, err, "ResourceExistsException", "The operation failed because the secret s already exists.")
	put := func(value string) error {
		_, err := w.manager.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("s"), SecretString: &value, ClientRequestToken: token})
		return err
	}
	if err := put("v"); err != nil {
		t.Error(err)
	}
	refused(t, put("other"), "ResourceExistsException", "because that value is already in use for a version of secret "+text(first.ARN))
}

func TestDeletionAndRestoration(t *testing.T) {
	w := newWorld(t)
	arn := text(w.create("s", "v").ARN)
	remove := func(days int64, force bool) error {
		in := &secretsmanager.DeleteSecretInput{SecretId: aws.String("s")}
		if days != 0 {
			in.RecoveryWindowInDays = &days
		}
		if force {
			in.ForceDeleteWithoutRecovery = &force
		}
		_, err := w.manager.DeleteSecret(t.Context(), in)
		return err
	}
	refused(t, remove(7, true), "InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	refused(t, remove(6, false), "InvalidParameterException", "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	if err := remove(7, false); err != nil {
		t.Fatal(err)
	}
	const marked = "You can't perform this operation on the secret because it was marked for deletion."
	if got := w.value("s", "", ""); !strings.Contains(got, "InvalidRequestException: "+marked) {
		t.Errorf("read while it is to be deleted: %s", got)
	}
	_, err := w.manager.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &arn, SecretString: aws.String("x")})
	refused(t, err, "InvalidRequestException", marked)
	_, err = w.manager.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("s")})
	refused(t, err, "InvalidRequestException", "a secret with this name is already scheduled for deletion")
	described := must(w.manager.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &arn}))(t)
	if days := time.Until(aws.ToTime(described.DeletedDate)).Hours() / 24; days < 6.9 || days > 7.1 {
		t.Errorf("deleted at %v", described.DeletedDate)
	}
	if _, err := w.manager.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: &arn}); err != nil || w.value("s", "", "") != "v" {
		t.Errorf("restored: %v, %s", err, w.value("s", "", ""))
	}
	if err := remove(7, false); err != nil {
		t.Fatal(err)
	}
	w.offset.Store(int64(8 * 24 * time.Hour))
	if got := w.value("s", "", ""); !strings.Contains(got, "ResourceNotFoundException: "+noSecret) {
		t.Errorf("read when its time is over: %s", got)
	}
	if err := w.Manager.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := len(slices.Collect(w.Manager.Sealed())); left != 0 {
		t.Errorf("%d values are left", left)
	}
	if again := text(w.create("s", "new").ARN); again == arn {
		t.Error("a secret that is made again has the ARN of the old one")
	}
	for range 2 { // the second finds none
		if err := remove(0, true); err != nil {
			t.Error(err)
		}
	}
	none := must(w.manager.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &arn, ForceDeleteWithoutRecovery: aws.Bool(true)}))(t)
	if text(none.ARN) != arn {
		t.Errorf("of one that is gone: %s, want %s", text(none.ARN), arn)
	}
	w.create("s", "newest")
}

func TestWhatIsSaidOfASecretChanges(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v")
	update := func(in secretsmanager.UpdateSecretInput) {
		t.Helper()
		in.SecretId = aws.String("s")
		must(w.manager.UpdateSecret(t.Context(), &in))(t)
	}
	describe := func() *secretsmanager.DescribeSecretOutput {
		return must(w.manager.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")}))(t)
	}
	update(secretsmanager.UpdateSecretInput{Description: aws.String("d"), KmsKeyId: aws.String("alias/k")})
	update(secretsmanager.UpdateSecretInput{SecretString: aws.String("w")})
	if d := describe(); text(d.Description) != "d" || text(d.KmsKeyId) != "alias/k" || w.value("s", "", "") != "w" || w.value("s", "", "AWSPREVIOUS") != "v" {
		t.Errorf("after two updates: %+v", d)
	}
	update(secretsmanager.UpdateSecretInput{Description: aws.String("")})
	if d := describe(); text(d.Description) != "" || text(d.KmsKeyId) != "alias/k" {
		t.Errorf("after the description was emptied: %+v", d)
	}
	if d := describe(); d.LastAccessedDate == nil || aws.ToTime(d.LastAccessedDate).Hour() != 0 {
		t.Errorf("accessed on %v", d.LastAccessedDate)
	}
	tags := func(tags ...types.Tag) error {
		_, err := w.manager.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: aws.String("s"), Tags: tags})
		return err
	}
	if err := tags(types.Tag{Key: aws.String("b"), Value: aws.String("2")}, types.Tag{Key: aws.String("a"), Value: aws.String("")}); err != nil {
		t.Fatal(err)
	}
	refused(t, tags(types.Tag{Key: aws.String("aws:x"), Value: aws.String("")}), "InvalidParameterException", "reserved")
	must(w.manager.UntagResource(t.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String("s"), TagKeys: []string{"b", "none"}}))(t)
	if d := describe(); len(d.Tags) != 1 || text(d.Tags[0].Key) != "a" || d.Tags[0].Value == nil {
		t.Errorf("tags %+v", d.Tags)
	}
	policy := must(w.manager.GetResourcePolicy(t.Context(), &secretsmanager.GetResourcePolicyInput{SecretId: aws.String("s")}))(t)
	if policy.ResourcePolicy != nil || text(policy.Name) != "s" {
		t.Errorf("the policy is %+v", policy)
	}
}

func TestValuesOfEveryForm(t *testing.T) {
	w := newWorld(t)
	bytesIn := []byte{0, 1, 255, 'x'}
	must(w.manager.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("binary"), SecretBinary: bytesIn}))(t)
	out := must(w.manager.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("binary")}))(t)
	if !bytes.Equal(out.SecretBinary, bytesIn) || out.SecretString != nil {
		t.Errorf("answered %v", out)
	}
	most := strings.Repeat("x", 65536)
	w.create("most", most)
	if w.value("most", "", "") != most {
		t.Error("the largest value is another when it comes back")
	}
	create := func(in secretsmanager.CreateSecretInput) error {
		_, err := w.manager.CreateSecret(t.Context(), &in)
		return err
	}
	for _, c := range []struct {
		name, code, text string
		in               secretsmanager.CreateSecretInput
	}{
		{"a text too long", "ValidationException", "SecretString", secretsmanager.CreateSecretInput{Name: aws.String("n"), SecretString: aws.String(most + "x")}},
		{"a text of too many bytes", "InvalidParameterException", "65536 bytes", secretsmanager.CreateSecretInput{Name: aws.String("n"), SecretString: aws.String(strings.Repeat("ü", 40000))}},
		{"bytes too many", "ValidationException", "SecretBinary", secretsmanager.CreateSecretInput{Name: aws.String("n"), SecretBinary: []byte(most + "x")}},
		{"both", "InvalidParameterException", "both", secretsmanager.CreateSecretInput{Name: aws.String("n"), SecretString: aws.String("a"), SecretBinary: []byte("b")}},
		{"a name with a colon", "ValidationException", "Invalid name.", secretsmanager.CreateSecretInput{Name: aws.String("a:b")}},
		{"a short token", "ValidationException", "ClientRequestToken", secretsmanager.CreateSecretInput{Name: aws.String("n"), ClientRequestToken: aws.String("short")}},
		{"replicas", "InvalidParameterException", "AddReplicaRegions of CreateSecret is not supported by Berth yet", secretsmanager.CreateSecretInput{Name: aws.String("n"), AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("us-east-1")}}}},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, create(c.in), c.code, c.text) })
	}
	if err := create(secretsmanager.CreateSecretInput{Name: aws.String("empty")}); err != nil {
		t.Fatal(err)
	}
	if got := w.value("empty", "", ""); !strings.Contains(got, "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT") {
		t.Errorf("a secret without a value: %s", got)
	}
	_, err := w.manager.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("empty")})
	refused(t, err, "InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	w.put("empty", "full")
	if got := w.value("empty", "", ""); got != "full" {
		t.Errorf("its first value: %s", got)
	}
}

func TestAHundredVersionsAreKept(t *testing.T) {
	w := newWorld(t)
	first := text(w.create("s", "0").VersionId)
	for i := range 100 {
		w.put("s", fmt.Sprint(i+1))
	}
	if got := w.value("s", first, ""); !strings.Contains(got, "ResourceNotFoundException") {
		t.Errorf("the oldest is %s", got)
	}
	if w.value("s", "", "") != "100" || len(slices.Collect(w.Manager.Sealed())) != 100 {
		t.Errorf("the current is %s, of %d", w.value("s", "", ""), len(slices.Collect(w.Manager.Sealed())))
	}
}

func TestSecretsAreListed(t *testing.T) {
	w := newWorld(t)
	for i, name := range []string{"prod/db", "prod/api", "test/db"} {
		must(w.manager.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String(name), Description: aws.String("The Password of " + name),
			Tags: []types.Tag{{Key: aws.String("Env"), Value: aws.String(strings.Split(name, "/")[0])}}}))(t)
		w.offset.Store(int64(time.Duration(i+1) * time.Hour))
	}
	list := func(in secretsmanager.ListSecretsInput) string {
		t.Helper()
		var names []string
		for {
			out := must(w.manager.ListSecrets(t.Context(), &in))(t)
			for _, s := range out.SecretList {
				names = append(names, text(s.Name))
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return strings.Join(names, " ")
			}
		}
	}
	filter := func(key types.FilterNameStringType, values ...string) secretsmanager.ListSecretsInput {
		return secretsmanager.ListSecretsInput{Filters: []types.Filter{{Key: key, Values: values}}}
	}
	for _, c := range []struct {
		name, want string
		in         secretsmanager.ListSecretsInput
	}{
		{"all", "prod/db prod/api test/db", secretsmanager.ListSecretsInput{}},
		{"one a page", "prod/db prod/api test/db", secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1)}},
		{"newest first", "test/db prod/api prod/db", secretsmanager.ListSecretsInput{SortOrder: types.SortOrderTypeDesc, MaxResults: aws.Int32(2)}},
		{"by name", "prod/api prod/db test/db", secretsmanager.ListSecretsInput{SortBy: types.SortByTypeName}},
		{"by the beginning of a name", "prod/db prod/api", filter(types.FilterNameStringTypeName, "prod/")},
		{"case counts in names", "", filter(types.FilterNameStringTypeName, "Prod/")},
		{"not of that name", "test/db", filter(types.FilterNameStringTypeName, "!prod/")},
		{"by a word of the description", "prod/db prod/api test/db", filter(types.FilterNameStringTypeDescription, "passw")},
		{"by a tag's key", "prod/db prod/api test/db", filter(types.FilterNameStringTypeTagKey, "En")},
		{"by a tag's value", "test/db", filter(types.FilterNameStringTypeTagValue, "test")},
		{"by anything", "prod/db test/db", filter(types.FilterNameStringTypeAll, "DB password")},
		{"by a region", "", filter(types.FilterNameStringTypePrimaryRegion, "eu-west-1")},
	} {
		if got := list(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	must(w.manager.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("test/db")}))(t)
	if got := list(secretsmanager.ListSecretsInput{}); got != "prod/db prod/api" {
		t.Errorf("without the deleted: %s", got)
	}
	if got := list(secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)}); got != "prod/db prod/api test/db" {
		t.Errorf("with the deleted: %s", got)
	}
	_, err := w.manager.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{NextToken: aws.String("none")})
	refused(t, err, "InvalidNextTokenException", "token")
	batch := must(w.manager.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"prod/db", "none", "test/db"}}))(t)
	if len(batch.SecretValues) != 1 || text(batch.SecretValues[0].SecretString) != "prod/db" || len(batch.Errors) != 2 || text(batch.Errors[0].ErrorCode) != "ResourceNotFoundException" ||
		text(batch.Errors[1].ErrorCode) != "InvalidRequestException" {
		t.Errorf("a batch: %+v", batch)
	}
	batch = must(w.manager.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{Filters: filter(types.FilterNameStringTypeName, "prod").Filters, MaxResults: aws.Int32(1)}))(t)
	if len(batch.SecretValues) != 1 || batch.NextToken == nil {
		t.Errorf("a batch by a filter: %+v", batch)
	}
}

func TestRandomPasswords(t *testing.T) {
	w := newWorld(t)
	draw := func(in secretsmanager.GetRandomPasswordInput) string {
		t.Helper()
		return text(must(w.manager.GetRandomPassword(t.Context(), &in))(t).RandomPassword)
	}
	seen := map[string]bool{}
	for range 50 {
		p := draw(secretsmanager.GetRandomPasswordInput{})
		for _, kind := range []string{"[a-z]", "[A-Z]", "[0-9]", `[[:punct:]]`} {
			if len(p) != 32 || seen[p] || !regexp.MustCompile(kind).MatchString(p) || strings.Contains(p, " ") {
				t.Fatalf("%q has 32 characters, of every kind", p)
			}
		}
		seen[p] = true
	}
	if p := draw(secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(200), ExcludePunctuation: aws.Bool(true), ExcludeUppercase: aws.Bool(true), ExcludeCharacters: aws.String("abc123")}); !regexp.MustCompile(`^[d-z04-9]{200}$`).MatchString(p) {
		t.Errorf("%q", p)
	}
	_, err := w.manager.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(3)})
	refused(t, err, "InvalidParameterException", "required number of character types")
	_, err = w.manager.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{ExcludePunctuation: aws.Bool(true), ExcludeUppercase: aws.Bool(true), ExcludeLowercase: aws.Bool(true), ExcludeNumbers: aws.Bool(true)})
	refused(t, err, "InvalidParameterException", "every character is excluded")
}
