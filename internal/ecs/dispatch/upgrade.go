package dispatch

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// protocolHeader tells Berth's agents which version of Berth's additions to the protocol is spoken here.
const protocolHeader = "Berth-Protocol"

// inactive is the status of an instance that was deregistered.
const inactive = "INACTIVE"

// refusal is why a socket is not opened, as agents read it: {"type":"...","message":{"message":"..."}}.
type refusal struct {
	status  int
	code    string
	message string
}

// What agents make of these: after InactiveInstanceException Amazon's agent waits an hour and never registers again by
// itself, so that it is for a deregistered instance alone; after any other it comes back within two minutes.
func refused(code, text string) *refusal { return &refusal{http.StatusBadRequest, code, text} }

func (f *refusal) write(w http.ResponseWriter) {
	message, _ := json.Marshal(map[string]string{"message": f.message})
	body, _ := json.Marshal(frame{Type: f.code, Message: message})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}

// serveACS is the socket by which an agent learns what should run.
func (d *Dispatcher) serveACS(w http.ResponseWriter, r *http.Request) {
	begun, in := d.entrance.enter(r.Context())
	if !in {
		return
	}
	defer begun()
	q := r.URL.Query()
	row, refusal := d.identify(r, q.Get("clusterArn"), q.Get("containerInstanceArn"))
	if refusal == nil && row.Value.Status == inactive {
		refusal = d.dismiss(r.Context(), row)
	}
	if refusal != nil {
		refusal.write(w)
		return
	}
	if row.Value.Protocol > 0 {
		w.Header().Set(protocolHeader, strconv.Itoa(ecs.Protocol))
	}
	c, err := accept(w, r)
	if err != nil {
		return // accept has answered
	}
	agent := ecs.Agent{
		Version: short(q.Get("agentVersion")),
		Hash:    short(q.Get("agentHash")),
		Docker:  short(strings.TrimPrefix(q.Get("dockerVersion"), "DockerVersion: ")),
	}
	s := newSession(r.Context(), d, c, row, agent)
	s.begun = begun
	s.run()
}

// serveTCS is the socket by which an agent tells of its tasks' health.
func (d *Dispatcher) serveTCS(w http.ResponseWriter, r *http.Request) {
	begun, in := d.entrance.enter(r.Context())
	if !in {
		return
	}
	defer begun()
	q := r.URL.Query()
	row, refusal := d.identify(r, q.Get("cluster"), q.Get("containerInstance"))
	if refusal == nil && row.Value.Status == inactive {
		refusal = deregistered(row)
	}
	if refusal != nil {
		refusal.write(w)
		return
	}
	c, err := accept(w, r)
	if err != nil {
		return
	}
	begun()
	newTelemetry(r.Context(), d, c, row).run()
}

// identify finds the instance that an agent says it is, by ids or ARNs, and refuses what may not open a session as it.
func (d *Dispatcher) identify(r *http.Request, cluster, instance string) (row store.Row[ecs.Instance], _ *refusal) {
	caller, err := ecs.AgentsOnly(r.Context())
	if err != nil {
		return row, refused("AccessDeniedException", "The credentials of a task don't open an agent's session.")
	}
	scope := store.Scope{Account: caller.Account, Region: caller.Region}
	row, ok := d.Tables.Instances.Get(scope, lastPart(instance))
	if !ok || strings.HasPrefix(instance, "arn:") && instance != ecs.InstanceARN(scope, row.Value.Cluster, row.ID) {
		return row, refused("InvalidInstanceException", "The container instance "+short(instance)+" is not known. Register it again.")
	}
	if !ecs.SpeaksFor(caller, row.Value.Machine) {
		return row, refused("AccessDeniedException", "The container instance "+row.ID+" is not of the machine whose agent asks.")
	}
	if lastPart(cmp.Or(cluster, "default")) != row.Value.Cluster {
		return row, refused("InvalidClusterException", "The container instance "+row.ID+" is of the cluster "+row.Value.Cluster+".")
	}
	if err := d.pace.admit(instanceKey{scope, row.ID}); err != nil {
		return row, &refusal{http.StatusTooManyRequests, "ThrottlingException", err.Error()}
	}
	return row, nil
}

func deregistered(row store.Row[ecs.Instance]) *refusal {
	return refused("InactiveInstanceException", "The container instance "+row.ID+" has been deregistered.")
}

// dismiss refuses the agent of a deregistered instance, unless it has to be told first to stop what it runs: see leave. To
// Berth's agent the refusal says so.
func (d *Dispatcher) dismiss(ctx context.Context, row store.Row[ecs.Instance]) *refusal {
	if row.Value.LeftAt.IsZero() && row.Value.Protocol == 0 {
		return nil
	}
	if row.Value.LeftAt.IsZero() {
		if err := d.Observer.AgentLeft(ctx, row.Scope, row.ID); err != nil {
			d.Log.Error("it was not recorded that an agent has left", "instance", row.ID, "error", err)
		}
	}
	return deregistered(row)
}

// lastPart is the name in an ARN, or the name itself.
func lastPart(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// short bounds what an agent says of itself.
func short(s string) string { return strings.ToValidUTF8(s[:min(len(s), 128)], "") }
