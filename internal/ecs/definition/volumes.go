package definition

import (
	"path"

	api "github.com/berth-dev/berth/api/ecs"
)

func volumes(r *request) error {
	seen := map[string]bool{}
	atLaunch := 0
	for i := range r.Volumes {
		v := &r.Volumes[i]
		switch {
		case v.Name == "":
			return invalid("volume.name should not be null or empty.")
		case !nameForm.MatchString(v.Name):
			return invalid("volume.name contains invalid characters.")
		case seen[v.Name]:
			return invalid("Volume names must be unique within a task definition.")
		case kinds(v) > 1:
			return invalid("Volume '%s' can have only one kind of configuration.", v.Name)
		}
		seen[v.Name] = true
		if isSet(v.ConfiguredAtLaunch) {
			atLaunch++
		}
		if err := volume(r, v); err != nil {
			return err
		}
	}
	if atLaunch > 1 {
		return invalid("A task definition can have only one volume that is configured at launch.")
	}
	return nil
}

// kinds counts what a volume is said to be.
func kinds(v *api.Volume) (n int) {
	for _, is := range []bool{
		v.Host != nil && v.Host.SourcePath != "", v.DockerVolumeConfiguration != nil, v.EfsVolumeConfiguration != nil,
		v.S3filesVolumeConfiguration != nil, v.FsxWindowsFileServerVolumeConfiguration != nil, isSet(v.ConfiguredAtLaunch),
	} {
		if is {
			n++
		}
	}
	return n
}

func volume(r *request, v *api.Volume) error {
	switch d := v.DockerVolumeConfiguration; {
	case d != nil && isSet(d.Autoprovision) && d.Scope != api.ScopeShared:
		return invalid("Invalid 'autoprovision' setting for volume '%s'. It is only supported when 'scope' is shared.", v.Name)
	case v.S3filesVolumeConfiguration != nil && r.TaskRoleArn == "":
		return invalid("When you are specifying an S3 Files volume, you must also specify a value for 'taskRoleArn'.")
	}
	e := v.EfsVolumeConfiguration
	if e == nil {
		return nil
	}
	encrypted := e.TransitEncryption == api.EFSTransitEncryptionEnabled
	a := e.AuthorizationConfig
	switch {
	case e.FileSystemId == "":
		return invalid("EFSVolumeConfiguration.fileSystemId should not be null or empty.")
	case a != nil && a.AccessPointId != "" && e.RootDirectory != "" && e.RootDirectory != "/":
		return invalid(`When using an EFS access point, the root directory must either be set to "/" or be omitted.`)
	case a != nil && a.AccessPointId != "" && !encrypted:
		return invalid("EFS access point requires TransitEncryption to be enabled.")
	case a != nil && a.Iam == api.EFSAuthorizationConfigIAMEnabled && !encrypted:
		return invalid("EFS IAM authorization requires TransitEncryption to be enabled.")
	case e.TransitEncryptionPort != nil && !encrypted:
		return invalid("TransitEncryptionPort requires that TransitEncryption is enabled.")
	case e.TransitEncryptionPort != nil && (*e.TransitEncryptionPort < 0 || *e.TransitEncryptionPort > maxPort):
		return invalid("Invalid 'transitEncryptionPort' setting for volume '%s'.", v.Name)
	}
	return nil
}

// mounts checks what containers mount, of the task and of each other.
func mounts(r *request) error {
	mounted := map[string]bool{}
	for i := range r.ContainerDefinitions {
		c := &r.ContainerDefinitions[i]
		for _, m := range c.MountPoints {
			mounted[m.SourceVolume] = true
			switch {
			case !declares(r, m.SourceVolume):
				return invalid("Unknown volume '%s'.", m.SourceVolume)
			case !path.IsAbs(m.ContainerPath) && !windows(r):
				return invalid("Invalid 'mountPoints' setting for container '%s': containerPath '%s' is not an absolute path.", c.Name, m.ContainerPath)
			}
		}
		for _, v := range c.VolumesFrom {
			if find(r, v.SourceContainer) == nil || v.SourceContainer == c.Name {
				return invalid("Invalid 'volumesFrom' setting. Unknown container: '%s'", v.SourceContainer)
			}
		}
	}
	for _, v := range r.Volumes {
		if isSet(v.ConfiguredAtLaunch) && !mounted[v.Name] {
			return invalid("Volumes [%s] are not referenced by any of the containers", v.Name)
		}
	}
	return nil
}

func declares(r *request, volume string) bool {
	for i := range r.Volumes {
		if r.Volumes[i].Name == volume {
			return true
		}
	}
	return false
}
