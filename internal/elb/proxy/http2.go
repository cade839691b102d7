package proxy

import "net/http"

func (p *Proxy) newHTTP2() *http.Server { return &http.Server{} }
