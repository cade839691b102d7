package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrongCommandLines(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for line, says := range map[string]string{
		"frobnicate":                        "only dev, wait, env",
		"runn":                              "did you mean `berth run`?",
		"image":                             "import, pull, ls, rm, prune",
		"image imprt x":                     "did you mean `berth image import`?",
		"wait":                              "ready",
		"help nonsense":                     "there is no `berth nonsense`",
		"ps --bogus":                        "--bogus (see `berth ps --help`)",
		"ps extra":                          `"extra" is one argument too many`,
		"run":                               "FILE or FAMILY is missing",
		"run a b":                           `"b" is one argument too many`,
		"run a --count 0":                   "--count 0: it is 1 to 10",
		"run a --count many":                `"many"`,
		"run a --launch-type LAPTOP":        `--launch-type "LAPTOP": it is FARGATE, EC2 or EXTERNAL`,
		"run a --print everything":          `--print "everything"`,
		"run a --print url --detach":        "--print url and --detach",
		"stop":                              "TASK or FAMILY is missing",
		"logs":                              "TASK, FAMILY or CONTAINER is missing",
		"image rm":                          "NAME is missing",
		"volume rm":                         "NAME is missing",
		"dev --efs fs-1":                    "neither an absolute path nor nfs://HOST/EXPORT",
		"dev --efs /srv":                    "does not begin with the id of a file system",
		"dev --image-pull-behavior no":      "none of prefer-cached, once, default and always",
		"events --last -1":                  "--last -1: it is a number of changes",
		"events --last 3 --after 2":         "--after and --last both say where to begin",
		"image import":                      "FILE or NAME is missing",
		"env --format fish":                 `--format "fish": it is sh, github or dotenv`,
		"ps --output yaml":                  `--output "yaml": it is text or json`,
		"ps --cluster=":                     "--cluster is empty",
		"wait ready --timeout soon":         `"soon"`,
		"ps --name two":                     "--name and --data-dir both choose",
		"dev --listen 127.0.0.1":            "an address and a port, such as 127.0.0.1:4566",
		"dev --listen 127.0.0.1:http":       "an address and a port",
		"dev --listen 127.0.0.1:70000":      "an address and a port",
		"dev --listen :4566":                "an address and a port",
		"dev --listen 0.0.0.0:4566":         "loopback only",
		"dev --listen 192.0.2.1:0":          "loopback only",
		"dev --listen example.com:4566":     "an address and a port",
		"dev --account 12345":               `--account "12345": it is 12 digits`,
		"dev --region mars":                 `--region "mars"`,
		"dev --engine podman":               `--engine "podman": it is auto, native, docker or fake`,
		"dev --engine docker --docker none": "contradict each other",
	} {
		t.Run(line, func(t *testing.T) {
			c := berth(t, append(strings.Fields(line), "--data-dir", data)...)
			c.refused(t, 2, says)
			if c.stdout != "" {
				t.Errorf("it also printed %s", c.stdout)
			}
		})
	}
	berth(t, "--name", "../etc", "ps").refused(t, 2, `--name "../etc"`)
	if _, err := os.Stat(data); err == nil {
		t.Error("a wrong command line made the data directory")
	}
}

func TestVerbsWithoutABerth(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, line := range []string{"env", "reset", "run x", "ps", "logs x", "stop x", "image ls", "volume ls", "volume rm x", "image rm x", "image pull x", "image prune", "image import /dev/null"} {
		c := berth(t, append(strings.Fields(line), "--data-dir", data)...)
		c.refused(t, 1, "no Berth runs on "+data, "dev -d` starts one")
	}
	berth(t, "wait", "ready", "--timeout", "50ms", "--data-dir", data).refused(t, 1, "not ready after 50ms", "no Berth runs on")
	for _, line := range []string{"down", "clean"} { // what they are to bring about is so already
		if c := berth(t, line, "--data-dir", data); c.code != 0 || c.stderr != "" {
			t.Errorf("berth %s: %d, %s", line, c.code, c.stderr)
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("the data directory was made")
	}
}

func TestMistakesAsJSON(t *testing.T) {
	for _, args := range [][]string{
		{"ps", "--output", "json", "--data-dir", filepath.Join(t.TempDir(), "data")},
		{"ps", "--output", "json", "extra"},
	} {
		c := berth(t, args...)
		failure := decode[struct {
			Error string `json:"error"`
		}](t, call{stdout: c.stderr})
		if failure.Error == "" || c.stdout != "" || c.code == 0 {
			t.Errorf("%v: %+v", args, c)
		}
	}
}

func TestHelpIsWrittenToStandardOutput(t *testing.T) {
	for _, args := range [][]string{nil, {"help"}, {"--help"}, {"help", "image", "import"}, {"run", "--help"}, {"--version"}, {"version"}} {
		if c := berth(t, args...); c.code != 0 || !strings.Contains(c.stdout, "berth") || c.stderr != "" {
			t.Errorf("berth %v: %+v", args, c)
		}
	}
}
