package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const (
	// maxBody is the most that a request may carry, in bytes: the longest message,
	// with each of its letters escaped. An upload is not bound by it.
	maxBody = 512 << 10
	// readTimeout bounds how long a request may take to arrive.
	readTimeout = 10 * time.Second
)

// huma has one way to make errors in a program, and one kind of array.
func init() {
	huma.DefaultArrayNullable = false
	huma.NewError = problemOfRequest
}

// answer is what an operation gives: the type of its body.
type answer[T any] struct{ Body T }

// route is one operation, as the document tells it.
type route struct {
	method, path, id string
	tag              string
	summary          string
	description      string
	// status of success; 0 is 200.
	status int
	// codes are the problems that are the operation's own; those of any are not named.
	codes []Code
	// example is a request's body that can be sent as it stands.
	example any
	// streams: the operation reads the body by itself, in its own time.
	streams bool
	// content is the media type of an answer that is no JSON.
	content string
}

// add registers an operation that a node answers. It waits for the node.
func add[I, O any](s *Server, r route, f func(context.Context, *house, *I) (*O, error)) {
	addPlain(s, r, func(ctx context.Context, in *I) (*O, error) {
		h, err := s.gate.await(ctx)
		if err != nil {
			return nil, err
		}
		out, err := f(ctx, h, in)
		return out, s.gate.blame(h, err)
	})
}

// addPlain registers an operation that needs no node.
func addPlain[I, O any](s *Server, r route, f func(context.Context, *I) (*O, error)) {
	op := r.operation(s.api.OpenAPI().Components.Schemas)
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, in)
		if err != nil {
			p := problemOf(err)
			s.logger.Debug("request failed", "method", r.method, "path", r.path, "code", p.Code, "err", err)
			return nil, p
		}
		return out, nil
	})
	if body := s.api.OpenAPI().Paths[r.path]; r.example != nil {
		operationOf(body, r.method).RequestBody.Content["application/json"].Example = r.example
	}
}

// inBody answers with a body of T.
func inBody[T any](body T, err error) (*answer[T], error) {
	if err != nil {
		return nil, err
	}
	return &answer[T]{body}, nil
}

func operationOf(item *huma.PathItem, method string) *huma.Operation {
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
		http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}[method]
}

// operation is a route in huma's words. Bodies are bounded by takeBody.
func (r route) operation(schemas huma.Registry) huma.Operation {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, Tags: []string{r.tag},
		Summary: r.summary, Description: r.description, DefaultStatus: r.status,
		Responses: r.problems(schemas), RejectUnknownQueryParameters: true,
		MaxBodyBytes: -1, BodyReadTimeout: -1,
	}
	if r.streams {
		op.Metadata = map[string]any{streams: true}
		op.RequestBody = &huma.RequestBody{Required: true, Content: bytesOf("application/octet-stream")}
	}
	if r.content != "" {
		op.Responses["200"] = &huma.Response{Description: "OK", Content: bytesOf(r.content)}
	}
	return op
}

// streams marks, in an operation's metadata, that takeBody keeps away.
const streams = "streams"

func bytesOf(kind string) map[string]*huma.MediaType {
	schema := &huma.Schema{Type: huma.TypeString}
	if !strings.HasPrefix(kind, "text/") {
		schema.Format = "binary"
	}
	return map[string]*huma.MediaType{kind: {Schema: schema}}
}

// problems are the answers of a route's codes, a status each, and of those of any.
func (r route) problems(schemas huma.Registry) map[string]*huma.Response {
	content := map[string]*huma.MediaType{problemType: {Schema: schemas.Schema(typeOfProblem, true, "")}}
	all := map[string]*huma.Response{"default": {Description: "Any other problem: its code tells which", Content: content}}
	for _, code := range r.codes {
		o := outcomeOf(code)
		status := strconv.Itoa(o.status)
		if all[status] == nil {
			all[status] = &huma.Response{Content: content}
		} else {
			all[status].Description += "; "
		}
		all[status].Description += fmt.Sprintf("`%s`: %s", code, o.meaning)
	}
	return all
}

// takeBodies has each operation's body brought into memory before it begins.
func takeBodies(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	if ctx.Operation().Metadata[streams] == nil {
		if err := takeBody(w, r); err != nil {
			writeProblem(w, problemOf(err))
			return
		}
	}
	next(ctx)
}

// takeBody brings the request's body into memory, within a size and a time. The
// time ends there: a request may then take as long as its work does.
func takeBody(w http.ResponseWriter, r *http.Request) error {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return problemOfBody(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return control.SetReadDeadline(time.Time{})
}

func problemOfBody(err error) *Problem {
	var tooBig *http.MaxBytesError
	var slow net.Error
	switch {
	case errors.As(err, &tooBig):
		return problemWith(http.StatusRequestEntityTooLarge, CodeInvalid, fmt.Sprintf("the request's body is over %d bytes", tooBig.Limit))
	case errors.As(err, &slow) && slow.Timeout():
		return problemWith(http.StatusRequestTimeout, CodeInvalid, fmt.Sprintf("the request's body did not come within %v", readTimeout))
	}
	return problem(CodeInvalid, "read the request's body: "+err.Error())
}

// jsonFormat is how bodies are written and read.
var jsonFormat = huma.Format{
	Marshal:   func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) },
	Unmarshal: json.Unmarshal,
}

// elsewhere answers what is no operation: the page, or a problem.
func (s *Server) elsewhere(w http.ResponseWriter, r *http.Request) {
	if allowed := s.methodsOf(r); allowed != nil {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, problem(CodeBadMethod, fmt.Sprintf("%s has no %s; it has %s", r.URL.Path, r.Method, strings.Join(allowed, ", "))))
		return
	}
	if s.page != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) && !strings.HasPrefix(r.URL.Path, "/v1/") {
		s.page.ServeHTTP(w, r)
		return
	}
	writeProblem(w, problem(CodeNotFound, fmt.Sprintf("this node has no %s %s", r.Method, r.URL.Path)))
}

// methodsOf are those that the request's path has.
func (s *Server) methodsOf(r *http.Request) (allowed []string) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(other); pattern != "" && pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}
