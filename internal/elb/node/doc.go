// Package node is one server's data path of Elastic Load Balancing: it holds all load balancers and target groups that the API
// (package elb) tells of, has each stand at its addresses on the Ground, listens there and on this machine's loopback
// addresses, and hands connections to elb/proxy (HTTP) and elb/stream (TCP, TLS, UDP), which pick their targets in elb/target.
// `berth dev` makes one and gives it the ground that its engine has.
//
// Each load balancer has a goroutine that compares what is with what was told last and makes up the difference, again and
// again while some of it fails: an address that can't stand, a port that is taken.
package node
