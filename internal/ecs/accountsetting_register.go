package ecs

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// registerAccountSettings gives the operations on account settings to a server.
func (s *Service) registerAccountSettings(svc *wire.Service) {
	wire.Handle(svc, api.PutAccountSetting, s.PutAccountSetting, putSettingNotes...)
	wire.Handle(svc, api.PutAccountSettingDefault, s.PutAccountSettingDefault, putSettingNotes...)
	wire.Handle(svc, api.DeleteAccountSetting, s.DeleteAccountSetting)
	wire.Handle(svc, api.ListAccountSettings, s.ListAccountSettings)
}

var putSettingNotes = []wire.Option{
	wire.Note("name", "defaultLogDriverMode holds for tasks that are run from then on, and is blocking by default (AWS: non-blocking). Kept without an effect: "+
		"awsvpcTrunking (machines take any number of network interfaces), fargateTaskRetirementWaitPeriod (no task is retired), tagResourceAuthorization (there are no policies)"),
	wire.Note("value", "`enabled` and `enhanced` of containerInsights, `enabled` of fargateFIPSMode and of fargateEventWindows are refused by InvalidParameterException: they are not there"),
}
