package ecs

import (
	"context"
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// AccountSetting is a setting that somebody put, by principal and name. Those of the account's root are the default of all
// its principals.
type AccountSetting struct {
	Principal string          `json:"principal"` // ARN of the root, a user or a role
	Name      api.SettingName `json:"name"`
	Value     string          `json:"value"`
}

// setting is what may be set, and what holds where nobody has put anything.
type setting struct {
	name     api.SettingName
	standard string // what it is when nobody has set it
	values   []string
	refused  map[string]string // other values of AWS, and why they are refused
}

// settings are all of them, sorted by name.
var settings = []setting{
	{name: api.SettingNameAwsvpcTrunking, standard: "disabled", values: []string{"enabled", "disabled"}},
	{name: api.SettingNameContainerInsights, standard: "disabled", values: []string{"disabled"}, refused: map[string]string{
		"enabled": noInsights, "enhanced": noInsights}},
	{name: api.SettingNameContainerInstanceLongArnFormat, standard: "enabled", values: []string{"enabled"}},
	{name: api.SettingNameDefaultLogDriverMode, standard: "blocking", values: []string{"blocking", "non-blocking"}},
	{name: api.SettingNameFargateEventWindows, standard: "disabled", values: []string{"disabled"}, refused: map[string]string{
		"enabled": "no task is ever retired, in an event window or outside"}},
	{name: api.SettingNameFargateFIPSMode, standard: "disabled", values: []string{"disabled"}, refused: map[string]string{
		"enabled": "the cryptography is not validated by FIPS 140"}},
	{name: api.SettingNameFargateTaskRetirementWaitPeriod, standard: "7", values: []string{"0", "7", "14"}},
	{name: api.SettingNameGuardDutyActivate, standard: "off"},
	{name: api.SettingNameServiceLongArnFormat, standard: "enabled", values: []string{"enabled"}},
	{name: api.SettingNameTagResourceAuthorization, standard: "off", values: []string{"on", "off"}},
	{name: api.SettingNameTaskLongArnFormat, standard: "enabled", values: []string{"enabled"}},
}

const noInsights = "Container Insights is not there, for metrics are not kept"

// settingNamed is the setting of a name that the model has.
func settingNamed(name api.SettingName) (setting, error) {
	at := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if at < 0 {
		return setting{}, invalidParameter("Invalid setting 'name'")
	}
	return settings[at], nil
}

// refusedSetting finds out whether a setting is put to a value that asks for what is not there.
func refusedSetting(name api.SettingName, value string) []wire.Refusal {
	s, err := settingNamed(name)
	why, refused := s.refused[value]
	if err != nil || !refused {
		return nil
	}
	return []wire.Refusal{{Where: "value", Why: why + "; leave " + string(name) + " " + s.standard, Value: string(name) + " " + value}}
}

// validate checks a value that somebody puts.
func (s setting) validate(value string) error {
	switch {
	case s.name == api.SettingNameGuardDutyActivate:
		return invalidParameter("The setting guardDutyActivate is managed by AWS and can only be read.")
	case strings.HasSuffix(string(s.name), "LongArnFormat") && value == "disabled":
		return invalidParameter("You can no longer disable Long Arn settings")
	case !slices.Contains(s.values, value):
		return invalidParameter("Invalid setting 'value'")
	}
	return nil
}

// rootARN is the principal whose settings are the account's defaults.
func rootARN(scope store.Scope) string {
	return "arn:" + partition(scope.Region) + ":iam::" + scope.Account + ":root"
}

// principalForm is the form of a principal's ARN: IAM has paths of up to 512 characters and names of up to 64.
var principalForm = regexp.MustCompile(`^arn:[a-z-]+:iam::(\d{12}):(root|(user|role)/[\w+=,.@/-]{1,576})$`)

// principalOf is whom a request about settings is for: the one it names, or else who makes it. Only the root names others.
func principalOf(ctx context.Context, asked string) (string, error) {
	c := wire.CallerOf(ctx)
	own := principal(ctx)
	if asked == "" {
		return own, nil
	}
	m := principalForm.FindStringSubmatch(asked)
	switch {
	case m == nil || m[1] != c.Account:
		return "", invalidParameter("Invalid principalArn: %.600s. It is the ARN of the root, a user or a role of the account %s.", asked, c.Account)
	case m[2] == "root":
		asked = rootARN(scopeOf(ctx))
	}
	if c.Kind != wire.Root && asked != own {
		return "", notAuthorized(c)
	}
	return asked, nil
}

// principal is who makes a request. A session of a role counts as the role.
func principal(ctx context.Context) string {
	c := wire.CallerOf(ctx)
	if c.Kind == wire.Root {
		return rootARN(scopeOf(ctx))
	}
	if before, session, ok := strings.Cut(c.ARN, ":assumed-role/"); ok {
		role, _, _ := strings.Cut(session, "/")
		return strings.Replace(before, ":sts:", ":iam:", 1) + ":role/" + role
	}
	return c.ARN
}

func settingID(principal string, name api.SettingName) string {
	return string(name) + "/" + principal
}

// settingOf is what holds for a principal: its own setting, or the account's. Where nobody has put one it is what the setting is
// then, and put is false.
func (s *Service) settingOf(scope store.Scope, principal string, name api.SettingName) (a AccountSetting, put bool) {
	for _, of := range []string{principal, rootARN(scope)} {
		if row, ok := s.AccountSettings.Get(scope, settingID(of, name)); ok {
			return *row.Value, true
		}
	}
	known, _ := settingNamed(name)
	return AccountSetting{Principal: rootARN(scope), Name: name, Value: known.standard}, false
}

// logMode is the mode in which containers log that name none, as the caller's settings have it; empty when nobody has put one.
func (s *Service) logMode(ctx context.Context, scope store.Scope) string {
	if a, put := s.settingOf(scope, principal(ctx), api.SettingNameDefaultLogDriverMode); put {
		return a.Value
	}
	return ""
}

func describeSetting(a AccountSetting) api.Setting {
	out := api.Setting{Name: a.Name, Value: a.Value, PrincipalArn: a.Principal, Type: api.SettingTypeUser}
	if a.Name == api.SettingNameGuardDutyActivate {
		out.Type = api.SettingTypeAwsManaged
	}
	return out
}
