package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestWrongCommandLinesOfImages(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for line, says := range map[string]string{
		"image pull":                            "NAME is missing",
		"image pull A//b":                       `"A//b" is no image's name`,
		"image prune --unused-for long":         `"long"`,
		"dev --docker docker.sock":              `--docker "docker.sock": it is auto, none or the path of a socket`,
		"dev --image-cleanup-high 70":           "--image-cleanup-low 80 and --image-cleanup-high 70",
		"dev --image-cleanup-interval 1s":       "are a minute at least",
		"dev --num-images-delete-per-cycle 0":   "--num-images-delete-per-cycle is 1 at least",
		"dev --image-minimum-cleanup-age never": `"never"`,
	} {
		t.Run(line, func(t *testing.T) {
			berth(t, append(strings.Fields(line), "--data-dir", data)...).refused(t, 2, says)
		})
	}
	t.Setenv("ECS_NUM_IMAGES_DELETE_PER_CYCLE", "0")
	berth(t, "dev", "--data-dir", data).refused(t, 2, "--num-images-delete-per-cycle is 1 at least")
	t.Setenv("ECS_NUM_IMAGES_DELETE_PER_CYCLE", "few")
	berth(t, "dev", "--data-dir", data).refused(t, 2, "ECS_NUM_IMAGES_DELETE_PER_CYCLE=few")
}
