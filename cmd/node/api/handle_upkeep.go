package api

import (
	"context"
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

func (s *Server) routeUpkeep() {
	add(s, route{
		method: http.MethodGet, path: "/v1/rules", id: "listRules", tag: tagUpkeep, summary: "The rules that decide about offers, and how much of them is used up",
	}, func(_ context.Context, h *house, _ *none) (*answer[Rules], error) {
		return inBody(rulesOf(h.Rules()), nil)
	})
	addPlain(s, route{
		method: http.MethodGet, path: "/v1/log", id: "getLog", tag: tagUpkeep, summary: "The levels of the log", codes: []Code{CodeUnavailable},
	}, func(context.Context, *none) (*answer[LogLevels], error) { return s.levels() })
	addPlain(s, route{
		method: http.MethodPut, path: "/v1/log", id: "setLog", tag: tagUpkeep, summary: "Change the levels of the log, until the node stops",
		example: LogLevels{"info,icetcp=debug"}, codes: []Code{CodeBadLevels, CodeUnavailable},
	}, s.setLevels)
	addPlain(s, route{
		method: http.MethodPost, path: "/v1/reload", id: "reload", tag: tagUpkeep, summary: "Read the configuration again",
		codes: []Code{CodeBadConfig, CodeUnavailable},
	}, s.reload)
	addPlain(s, route{
		method: http.MethodPost, path: "/v1/dashboard", id: "openDashboard", tag: tagUpkeep, summary: "Where the dashboard is",
		description: "If nothing listens on loopback yet, the node begins to. Only on the unix socket: the address has the token in it.",
		codes:       []Code{CodeSocketOnly, CodeUnavailable},
	}, s.dashboard)
	s.routeHealth()
}

func (s *Server) routeHealth() {
	addPlain(s, route{
		method: http.MethodGet, path: "/healthz", id: "getHealth", tag: tagUpkeep, summary: "Whether the process lives",
		description: "On loopback it needs no token.", content: "text/plain",
	}, func(context.Context, *none) (*huma.StreamResponse, error) { return sayOK() })
	addPlain(s, route{
		method: http.MethodGet, path: "/readyz", id: "getReadiness", tag: tagUpkeep, summary: "Whether the node can do its work",
		description: "On loopback it needs no token.", content: "text/plain", codes: []Code{CodeNotReady},
	}, s.readiness)
	addPlain(s, route{
		method: http.MethodGet, path: "/metrics", id: "getMetrics", tag: tagUpkeep, summary: "Numbers for Prometheus",
		description: "On loopback it needs no token.", content: "text/plain", codes: []Code{CodeUnavailable},
	}, s.metrics)
}

func (s *Server) levels() (*answer[LogLevels], error) {
	if s.options.Levels == nil {
		return nil, problem(CodeUnavailable, "the levels of this node's log cannot be changed")
	}
	return inBody(LogLevels{s.options.Levels.String()}, nil)
}

type logIn struct{ Body LogLevels }

func (s *Server) setLevels(_ context.Context, in *logIn) (*answer[LogLevels], error) {
	if s.options.Levels == nil {
		return s.levels()
	}
	if err := s.options.Levels.Set(in.Body.Levels); err != nil {
		return nil, problem(CodeBadLevels, err.Error())
	}
	return s.levels()
}

func (s *Server) reload(ctx context.Context, _ *none) (*answer[Reloaded], error) {
	if s.options.Reload == nil {
		return nil, problem(CodeUnavailable, "this node has no configuration to read again")
	}
	done, err := s.options.Reload(ctx)
	if err != nil {
		return nil, problem(CodeBadConfig, err.Error())
	}
	done.Restart = append([]string{}, done.Restart...)
	return inBody(done, nil)
}

func (s *Server) dashboard(ctx context.Context, _ *none) (*answer[Dashboard], error) {
	if isOverTCP(ctx) {
		return nil, problem(CodeSocketOnly, "ask on the unix socket for the dashboard's address: it has the token in it")
	}
	if s.page == nil {
		return nil, problem(CodeUnavailable, "this node has no dashboard")
	}
	addr, err := s.pageAddr()
	if err != nil {
		return nil, err
	}
	token, err := openToken(s.options.Home)
	return inBody(Dashboard{"http://" + addr.String() + "/#" + token}, err)
}

func sayOK() (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "text/plain; charset=utf-8")
		c.BodyWriter().Write([]byte("ok\n"))
	}}, nil
}

func (s *Server) readiness(context.Context, *none) (*huma.StreamResponse, error) {
	if s.options.Ready != nil {
		if err := s.options.Ready(); err != nil {
			return nil, problem(CodeNotReady, err.Error())
		}
	}
	if h, _ := s.gate.house(); h == nil {
		return nil, problem(CodeNotReady, "the node starts")
	}
	return sayOK()
}

func (s *Server) metrics(context.Context, *none) (*huma.StreamResponse, error) {
	if s.options.Metrics == nil {
		return nil, problem(CodeUnavailable, "this node keeps no metrics")
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		s.options.Metrics.ServeHTTP(w, r)
	}}, nil
}

// withProfiles answers /debug/pprof too: what it tells is for the owner of the socket.
func withProfiles(next http.Handler) http.Handler {
	profiles := map[string]http.HandlerFunc{"cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, isProfile := strings.CutPrefix(r.URL.Path, "/debug/pprof/")
		switch {
		case !isProfile:
			next.ServeHTTP(w, r)
		case profiles[name] != nil:
			profiles[name](w, r)
		default:
			pprof.Index(w, r)
		}
	})
}
