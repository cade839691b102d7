package main

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
)

const description = `Amazon ECS that you run yourself
 One program answers the AWS APIs that an ECS user calls, decides where
 containers run, and runs them: task definitions, the aws command, the SDKs
 and Terraform work against it unchanged, without an AWS account.`

// debian is the package: the program, its unit and the unit's settings, and the completion of bash.
func (r *release) debian() (string, error) {
	completion, err := os.CreateTemp("", "berth-completion-")
	if err != nil {
		return "", err
	}
	defer os.Remove(completion.Name())
	defer completion.Close()
	words := exec.Command(r.program(), "completion", "bash")
	words.Stdout, words.Stderr = completion, os.Stderr
	if err := words.Run(); err != nil {
		return "", err
	}
	info := &nfpm.Info{
		Name: "berth", Arch: r.arch, Platform: "linux", Version: r.debianVersion(), VersionSchema: "none", MTime: r.time,
		Section: "admin", Priority: "optional", Maintainer: "The Berth Authors <maintainers@berth.dev>", Description: description,
		Homepage: "https://github.com/berth-dev/berth", License: "Apache-2.0",
	}
	script := func(name string) string { return filepath.Join(r.root, "release", "debian", name) }
	info.Scripts = nfpm.Scripts{PostInstall: script("postinst"), PreRemove: script("prerm"), PostRemove: script("postrm")}
	put := func(path, from string, mode os.FileMode) *files.Content {
		return &files.Content{Source: from, Destination: path, FileInfo: &files.ContentFileInfo{Mode: mode, MTime: r.time, Owner: "root", Group: "root"}}
	}
	settings := put("/etc/default/berth", script("berth.default"), 0o644)
	settings.Type = files.TypeConfigNoReplace
	info.Contents = files.Contents{
		put("/usr/bin/berth", r.program(), 0o755),
		put("/usr/lib/systemd/system/berth.service", script("berth.service"), 0o644),
		put("/usr/share/bash-completion/completions/berth", completion.Name(), 0o644),
		put("/usr/share/doc/berth/copyright", filepath.Join(r.root, "NOTICE"), 0o644),
		put("/usr/share/doc/berth/README.md", filepath.Join(r.root, "README.md"), 0o644),
		settings,
	}
	info = nfpm.WithDefaults(info)
	if err := nfpm.PrepareForPackager(info, "deb"); err != nil {
		return "", err
	}
	return r.create(deb.Default.ConventionalFileName(info), func(out *os.File) error { return deb.Default.Package(info, out) })
}
