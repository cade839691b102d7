package task

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/acs"
)

// router makes a container a FireLens router, and toIt one that logs to it.
func router(c *acs.Container) {
	c.FirelensConfiguration = &acs.FirelensConfiguration{Type: "fluentbit", Options: map[string]string{"config-file-type": "file", "config-file-value": "/extra.conf"}}
}

func toIt(c *acs.Container) {
	c.DockerConfig.HostConfig = `{"NetworkMode":"awsvpc","LogConfig":{"Type":"awsfirelens","Config":{"Name":"http","Host":"h","mode":"blocking","log-driver-buffer-limit":"1000"}}}`
}

func TestARouterComesFirstAndGoesLast(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		begin := time.Now()
		definition := composed(w,
			made{name: "web", essential: true, change: toIt},
			made{name: "side", on: "router:START", change: toIt},
			made{name: "router", essential: true, change: router},
			made{name: "plain"},
		)
		if err := a.apply(definition); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if last := w.last(arnA); last.Status != running {
			t.Fatalf("reported %+v", last)
		}
		if status, err := w.machine.Engine().Inspect(t.Context(), idA); err != nil || status.Containers[0].Name != "router" {
			t.Errorf("created %+v, %v", status.Containers, err)
		}
		_, spec, _ := w.machine.Spec(idA, "router")
		var config, socket string
		for _, bind := range spec.Host.Binds {
			if from, ok := strings.CutSuffix(bind, ":/fluent-bit/etc/fluent-bit.conf:ro"); ok {
				config = from
			}
			if from, ok := strings.CutSuffix(bind, ":/var/run"); ok {
				socket = from
			}
		}
		text, err := os.ReadFile(config)
		if err != nil || !strings.Contains(string(text), "Match web-firelens*\n") || !strings.Contains(string(text), "Record ecs_task_arn "+arnA+"\n") ||
			!strings.Contains(string(text), "@INCLUDE /extra.conf\n") || strings.Contains(string(text), "mode") {
			t.Errorf("%v\n%s", err, text)
		}
		if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o777 {
			t.Errorf("the socket's directory: %v, %v", info, err)
		}
		for name, want := range map[string]bool{"web": true, "side": true, "plain": false, "router": false} {
			_, spec, _ := w.machine.Spec(idA, name)
			if has := slices.Contains(spec.Config.Env, "FLUENT_HOST=127.0.0.1") && slices.Contains(spec.Config.Env, "FLUENT_PORT=24224"); has != want {
				t.Errorf("%s knows where the router is: %v", name, has)
			}
		}
		_, web, _ := w.machine.Spec(idA, "web")
		if web.Log.MaxBytes != 1000<<10 || web.Log.NonBlocking {
			t.Errorf("the output is kept by %+v", web.Log)
		}
		a.w.refuse = func(int) error { return errDead } // so that the containers can be looked at
		_ = a.Stop(t.Context(), []string{arnA})
		after(9 * time.Second)
		_, ends := spans(t, w, begin)
		if ends["router"] < max(ends["web"], ends["side"]) {
			t.Errorf("ended at %v", ends)
		}
		a.w.refuse = nil
	})
}

func TestWhatARouterCannotDoIsTold(t *testing.T) {
	for want, change := range map[string]func(*acs.Container){
		"missing output key Name which is required for firelens configuration of type fluentbit": func(c *acs.Container) {
			c.DockerConfig.HostConfig = `{"NetworkMode":"awsvpc","LogConfig":{"Type":"awsfirelens","Config":{"Host":"h"}}}`
		},
		"firelensConfiguration with a file from S3 of container router": func(c *acs.Container) {
			c.FirelensConfiguration.Options["config-file-type"] = "s3"
		},
	} {
		lived(t, func(t *testing.T, w *world, a *agent) {
			web, rt := made{name: "web", essential: true, change: toIt}, made{name: "router", essential: true, change: router}
			if strings.Contains(want, "router") {
				rt.change = func(c *acs.Container) { router(c); change(c) }
			} else {
				web.change = change
			}
			if err := a.apply(composed(w, web, rt)); err != nil {
				t.Fatal(err)
			}
			after(time.Second)
			last := w.last(arnA)
			said := last.Reason
			for _, c := range last.Containers {
				said += "\n" + c.Reason
			}
			if last.Status != stopped || !strings.Contains(said, want) {
				t.Errorf("%s: %s", last.Status, said)
			}
		})
	}
}
