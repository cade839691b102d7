// Package stream is the data path of network load balancers: it hands TCP connections, TLS connections that it decrypts, and
// flows of UDP packets to the targets of groups (package target). Package node makes one Listener for each listener of a load
// balancer, and one call of Serve or ServePacket for each address where it stands.
//
// Bytes of a connection go from socket to socket in the kernel (splice), both ways at once; one side's end of data is passed on
// while the other still sends. A connection whose target can't be reached is given to another; one that nobody takes is reset.
package stream
