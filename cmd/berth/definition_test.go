package main

import (
	"testing"
)

func TestADefinitionsMistakesAreTold(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty":            {" \n", "it is empty"},
		"not JSON":         {"family: web\n", "line 1: it is not valid JSON: invalid character 'm' in literal false (expecting 'l')"},
		"cut short":        {"{\"family\": \"web\",\n\n", "line 3: the JSON ends before it is complete"},
		"a comma too many": {"{\n\"family\": \"web\",\n}", "line 2: it is not valid JSON: invalid character ',' at start of value"},
		"a list":           {"[]", "line 1: the whole is of type list and must be of type object"},
		"no family":        {"{}", `it has no "family"`},
		"a name twice":     {`{"family":"a","family":"b"}`, `line 1: it is not valid JSON: duplicate object member name`},
		"two of them":      {`{"family":"a"}{"family":"b"}`, "line 1: it is not valid JSON: invalid character '{' after top-level value"},
		"a number as cpu":  {"{\n  \"family\": \"web\",\n  \"cpu\": 256}", "line 3: cpu is of type number and must be of type string"},
		"a string as a port": {"{\"family\": \"web\",\n\"containerDefinitions\": [{\"portMappings\": [\n{\"containerPort\": \"80\"}]}]}",
			"line 3: containerDefinitions[0].portMappings[0].containerPort is of type string and must be of type number"},
		"an object as a list": {`{"family":"web","containerDefinitions":{}}`, "line 1: containerDefinitions is of type object and must be of type list"},
		"a string as a flag":  {`{"family":"web","containerDefinitions":[{"essential":"true"}]}`, "line 1: containerDefinitions[0].essential is of type string and must be of type boolean"},
		"a list as a mode":    {`{"family":"web","networkMode":[]}`, "line 1: networkMode is of type list and must be of type string"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseDefinition([]byte(test.text))
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestADescribedDefinitionIsOneToo(t *testing.T) {
	in, err := parseDefinition([]byte(`{"taskDefinition": {"family": "web", "revision": 3, "status": "ACTIVE", "futureMember": 1}, "tags": []}`))
	if err != nil || in.Family != "web" {
		t.Errorf("%+v, %v", in, err)
	}
}
