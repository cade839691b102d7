package docker

import "github.com/berth-dev/berth/internal/agent/engine/docker/carrier"

// answerQuestion answers a DNS question of a task as the resolver of its VPC.
func (l *line) answerQuestion(question []byte) []byte {
	n, err := l.record.net()
	if err != nil || n.VPC == "" {
		return nil
	}
	return l.vpc(n.VPC).names.Answer(question)
}

// answerDNS answers those of a connection.
func (l *line) answerDNS(o carrier.Offer) {
	n, err := l.record.net()
	if err != nil || n.VPC == "" {
		o.Leave()
		return
	}
	conn, err := o.Take()
	if err != nil {
		return
	}
	l.vpc(n.VPC).names.Serve(conn)
}
