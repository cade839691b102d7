package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// registerAccountSettings gives the operations on account settings to a server.
func (s *Service) registerAccountSettings(svc *wire.Service) {
	wire.Handle(svc, api.PutAccountSetting, s.PutAccountSetting, slices.Concat(putSettingNotes, []wire.Option{
		wire.RefuseWhere(func(in *api.PutAccountSettingRequest) []wire.Refusal { return refusedSetting(in.Name, in.Value) })})...)
	wire.Handle(svc, api.PutAccountSettingDefault, s.PutAccountSettingDefault, slices.Concat(putSettingNotes, []wire.Option{
		wire.RefuseWhere(func(in *api.PutAccountSettingDefaultRequest) []wire.Refusal { return refusedSetting(in.Name, in.Value) })})...)
	wire.Handle(svc, api.DeleteAccountSetting, s.DeleteAccountSetting)
	wire.Handle(svc, api.ListAccountSettings, s.ListAccountSettings)
}

var putSettingNotes = []wire.Option{
	wire.Note("name", "defaultLogDriverMode holds for tasks that are run from then on, and is blocking by default (AWS: non-blocking). Kept without an effect: "+
		"awsvpcTrunking (how many network interfaces a machine takes does not depend on it), fargateTaskRetirementWaitPeriod (no task is retired), tagResourceAuthorization (there are no policies)"),
	wire.Note("value", "`enabled` and `enhanced` of containerInsights, `enabled` of fargateFIPSMode and of fargateEventWindows are refused by InvalidParameterException: they are not there"),
}
