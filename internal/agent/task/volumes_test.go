package task

import (
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/mount"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// mounting gives the container web one mount of a volume.
func mounting(v acs.Volume, readonly bool) func(*acs.Task) {
	return func(t *acs.Task) {
		v.Name = "data"
		if v.Type == "" {
			v.Type, v.Host = acs.VolumeTypeHost, &acs.HostVolumeProperties{}
		}
		t.Volumes = []acs.Volume{v}
		t.Containers[0].MountPoints = []acs.MountPoint{{SourceVolume: "data", ContainerPath: "/data", ReadOnly: readonly}}
	}
}

func docker(d acs.DockerVolumeConfiguration) acs.Volume {
	return acs.Volume{Type: acs.VolumeTypeDocker, DockerVolumeConfiguration: &d}
}

func efs(e acs.EFSVolumeConfiguration) acs.Volume {
	return acs.Volume{Type: acs.VolumeTypeEfs, EfsVolumeConfiguration: &e}
}

func TestTheVolumesOfATask(t *testing.T) {
	id, _ := ID(arnA)
	const own = "ecs-"
	for name, c := range map[string]struct {
		volume   acs.Volume
		readonly bool
		bind     string        // of the container, when it is one
		mounted  mount.Mount   // otherwise; its source when empty is the volume's
		made     engine.Volume // its name when empty is the task's own
	}{
		"a directory of the host": {volume: acs.Volume{Type: acs.VolumeTypeHost, Host: &acs.HostVolumeProperties{SourcePath: "/srv/data/"}}, bind: "/srv/data:/data"},
		"one that is read only":   {volume: acs.Volume{Type: acs.VolumeTypeHost, Host: &acs.HostVolumeProperties{SourcePath: "/"}}, readonly: true, bind: "/:/data:ro"},
		"without a source":        {readonly: true, mounted: mount.Mount{ReadOnly: true}, made: engine.Volume{VolumeSpec: engine.VolumeSpec{Task: id}}},
		"of docker, the task's": {
			volume: docker(acs.DockerVolumeConfiguration{Scope: acs.ScopeTask, Driver: "local", DriverOpts: map[string]string{"type": "tmpfs", "device": "tmpfs"}, Labels: map[string]string{"a": "b"}}),
			made:   engine.Volume{VolumeSpec: engine.VolumeSpec{Task: id, Driver: "local", Options: map[string]string{"type": "tmpfs", "device": "tmpfs"}, Labels: map[string]string{"a": "b"}}},
		},
		"of docker, shared": {
			volume:  docker(acs.DockerVolumeConfiguration{Scope: acs.ScopeShared, Autoprovision: true}),
			mounted: mount.Mount{Source: "data"}, made: engine.Volume{VolumeSpec: engine.VolumeSpec{Name: "data"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			lived(t, func(t *testing.T, w *world, a *agent) {
				if err := a.apply(payload(mounting(c.volume, c.readonly))); err != nil {
					t.Fatal(err)
				}
				after(0)
				_, spec, _ := w.machine.Spec(id, "web")
				all, _ := w.machine.Engine().Volumes(t.Context())
				if c.bind != "" {
					if !slices.Equal(spec.Host.Binds, []string{c.bind}) || len(all) > 0 {
						t.Errorf("binds %v, volumes %v", spec.Host.Binds, all)
					}
					return
				}
				if len(all) != 1 || len(spec.Host.Mounts) != 1 {
					t.Fatalf("mounts %v, volumes %v", spec.Host.Mounts, all)
				}
				got, m := all[0], c.mounted
				if c.made.Name == "" && strings.HasPrefix(got.Name, own) {
					c.made.Name = got.Name
				}
				if m.Type, m.Target = mount.TypeVolume, "/data"; m.Source == "" {
					m.Source = got.Name
				}
				if c.made.Driver = "local"; !reflect.DeepEqual(got.VolumeSpec, c.made.VolumeSpec) || !reflect.DeepEqual(spec.Host.Mounts[0], m) {
					t.Errorf("made %+v\nmounted %+v", got.VolumeSpec, spec.Host.Mounts[0])
				}
			})
		})
	}
}

func TestVolumesThatATaskCannotHave(t *testing.T) {
	for want, v := range map[string]acs.Volume{
		"resource cannot be initialized for task " + arnA + ": initialize volume: volume detection failed, volume 'data' does not exist and autoprovision is set to false": docker(acs.DockerVolumeConfiguration{Scope: acs.ScopeShared}),

		"CannotCreateVolumeError: no volume driver rexray": docker(acs.DockerVolumeConfiguration{Driver: "rexray"}),
		"start berth with --efs fs-1=DIRECTORY":            efs(acs.EFSVolumeConfiguration{FileSystemId: "fs-1"}),
		"the access point of volume data":                  efs(acs.EFSVolumeConfiguration{FileSystemId: "fs-1", AuthorizationConfig: &acs.EFSAuthorizationConfig{AccessPointId: "fsap-1"}}),
		`volume data of type "fsxWindowsFileServer"`:       {Type: "fsxWindowsFileServer"},
		"its sourcePath data is not an absolute path":      {Type: acs.VolumeTypeHost, Host: &acs.HostVolumeProperties{SourcePath: "data"}},
		"has a colon in it":                                {Type: acs.VolumeTypeHost, Host: &acs.HostVolumeProperties{SourcePath: "/a:b"}},
	} {
		t.Run(want, func(t *testing.T) {
			lived(t, func(t *testing.T, w *world, a *agent) {
				if err := a.apply(payload(mounting(v, false))); err != nil {
					t.Fatal(err)
				}
				after(0)
				last := w.last(arnA)
				said := last.Reason
				for _, c := range last.Containers {
					said += "\n" + c.Reason
				}
				if last.Status != stopped || !strings.Contains(said, want) {
					t.Errorf("%s: %s", last.Status, said)
				}
			})
		})
	}
}

func TestASharedVolumeThatIsThereIsTaken(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		if _, err := w.machine.Engine().CreateVolume(t.Context(), engine.VolumeSpec{Name: "data"}); err != nil {
			t.Fatal(err)
		}
		if err := a.apply(payload(mounting(docker(acs.DockerVolumeConfiguration{Scope: acs.ScopeShared}), false))); err != nil {
			t.Fatal(err)
		}
		after(0)
		if got := w.statuses(arnA); !slices.Equal(got, []string{running}) {
			t.Errorf("reported %v: %s", got, w.last(arnA).Reason)
		}
	})
}

func TestVolumeNames(t *testing.T) {
	seen := map[string]bool{}
	for _, id := range []string{"a", "b"} {
		for _, volume := range []string{"data", strings.Repeat("v", 255)} {
			tk := &task{id: id, payload: acs.Task{Family: strings.Repeat("f", 100), Version: "1"}}
			name := tk.volumeName(&acs.Volume{Name: volume})
			if len(name) > maxVolumeName || seen[name] || !strings.HasPrefix(name, "ecs-") {
				t.Errorf("%s of task %s is called %s", volume, id, name)
			}
			seen[name] = true
		}
	}
}

func TestFileSystems(t *testing.T) {
	for given, want := range map[string]map[string]string{
		"/srv/shared/": {"type": "none", "o": "bind", "device": "/srv/shared"},
		"nfs://files.lan/export": {"type": "nfs4", "device": ":/export/app",
			"o": "addr=files.lan,noresvport,retrans=2,rsize=1048576,timeo=600,vers=4.1,wsize=1048576"},
		"nfs://10.0.0.9:3049/?vers=4.2&timeo=50&xprtsec=tls": {"type": "nfs4", "device": ":/app",
			"o": "addr=10.0.0.9,port=3049,noresvport,retrans=2,rsize=1048576,timeo=50,vers=4.2,wsize=1048576,xprtsec=tls"},
	} {
		system, err := ParseFileSystem(given)
		if err != nil {
			t.Fatal(err)
		}
		if got := system.options("/app"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", given, got)
		}
		if secure := !strings.Contains(given, "files.lan"); system.encrypted() != secure {
			t.Errorf("%s: encrypted is %v", given, !secure)
		}
	}
	for _, bad := range []string{"", "shared", "http://host/x", "nfs:///export", "nfs://user@host/x", "nfs://host/x?o=a%2Cexec", "nfs://host/x#y", "nfs://ho st"} {
		if system, err := ParseFileSystem(bad); err == nil {
			t.Errorf("%q is taken as %+v", bad, system)
		}
	}
}

func TestTheRootDirectoryOfAFileSystem(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "app/data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	for root, ok := range map[string]bool{"": true, "/": true, "/app/data": true, "app": true, "/nowhere": false, "/file": false, "/out": false, "/../../etc": false} {
		if err := (FileSystem{Directory: dir}).reachable(t.Context(), root); (err == nil) != ok {
			t.Errorf("%q: %v", root, err)
		}
	}
	gone := FileSystem{NFS: &url.URL{Host: "127.0.0.1:1"}}
	if err := gone.reachable(t.Context(), "/"); err == nil {
		t.Error("a server that is not there is reachable")
	}
}
