// Gen turns the API models in api/models into the Go packages under api/: one
// per entry of the table in services.go.
//
//	go generate ./api            # rewrites every package
//	go run ./api/gen -dir DIR    # the same, into another api directory
//
// A model is AWS's service-2.json without its documentation (metadata,
// operations, shapes). To add a service: put its model into api/models, add an
// entry to services.go with the operations that Berth answers, and generate.
// Only shapes that those operations reach become types; the names of all the
// model's operations stand in the operation table, so that a request for one
// of the others is refused by name.
//
// An entry without operations generates types only, of every structure in its
// model: this is how the agent protocols (acs, tcs) are made. Such a model may
// consist of "shapes" alone:
//
//	{"metadata": {"serviceId": "ACS"},
//	 "shapes": {
//	   "AckRequest": {"type": "structure", "members": {"cluster": {"shape": "String"}}},
//	   "String": {"type": "string"}}}
//
// Types: string, boolean, integer (int32), long (int64), float, double,
// timestamp (seconds), blob, list (member), map (key, value), structure. A
// number or boolean that may be absent has "box": true at its shape or member
// and becomes a pointer; others are values and are always written. A structure
// with "document": true is any JSON.
//
// The output is deterministic; a test fails when the committed packages are
// not what the models and the table say.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", ".", "the api directory")
	flag.Parse()
	if err := run(*dir); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	files, err := generate(filepath.Join(dir, "models"))
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate makes every package; the result is file contents by path below api/.
func generate(models string) (files map[string][]byte, err error) {
	files = map[string][]byte{}
	for _, s := range services {
		m, err := readModel(filepath.Join(models, s.model+".json"))
		if err != nil {
			return nil, err
		}
		if err := newPkg(s, m).write(files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// write adds the package's files.
func (p *pkg) write(files map[string][]byte) error {
	doc := fmt.Sprintf("// Package %s holds %s: its types%s, generated from its model.\n",
		p.service.model, p.doc, map[bool]string{false: ", operations and constraints"}[p.typesOnly()])
	sources := map[string]*source{"types.go": p.types()}
	if !p.typesOnly() {
		sources["api.go"], sources["shapes.go"] = p.api(), p.shapes()
	}
	for name, src := range sources {
		d := ""
		if name == "types.go" {
			d = doc
		}
		b, err := src.file(d)
		if err != nil {
			return err
		}
		files[p.service.model+"/"+name] = b
	}
	return nil
}
