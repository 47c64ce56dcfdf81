package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// stallTime is how long an upload may stall before it is cut off.
const stallTime = 30 * time.Second

func (s *Server) routeUploads() {
	add(s, route{
		method: http.MethodPut, path: "/v1/uploads/{name}", id: "upload", tag: tagTransfers, summary: "Hand a file to the node",
		description: `For files that the node cannot read where they are. POST /v1/transfers sends it, by the id that this answers;
what was not sent within a day is removed. The body is stored as it comes, so it may be as long as the disk has room for.
Content-Type is application/octet-stream or left out.`,
		status: http.StatusCreated, streams: true, codes: []Code{CodeCut, CodeUnavailable, CodeNoSpace},
	}, s.upload)
}

// uploadIn takes the body as it comes.
type uploadIn struct {
	Name string `path:"name"`

	request *http.Request
	writer  http.ResponseWriter
}

// Resolve is asked by huma for what the types do not tell.
func (in *uploadIn) Resolve(c huma.Context) []error {
	in.request, in.writer = humago.Unwrap(c)
	return nil
}

var _ huma.Resolver = (*uploadIn)(nil)

func (s *Server) upload(_ context.Context, h *house, in *uploadIn) (*answer[Upload], error) {
	if s.uploads == nil {
		return nil, problem(CodeUnavailable, "this node takes no uploads")
	}
	if kind, _, err := mime.ParseMediaType(in.request.Header.Get("Content-Type")); err == nil && kind != "application/octet-stream" {
		return nil, problemWith(http.StatusUnsupportedMediaType, CodeInvalid, "send the file's bytes as application/octet-stream, not as "+kind)
	}
	control := http.NewResponseController(in.writer)
	body := &slowBody{in.request.Body, control}
	up, err := s.uploads.take(in.Name, in.request.ContentLength, body, func(size int64) error {
		return spaceProblem(h.HasSpace(s.uploads.dir, size))
	})
	if err != nil {
		return nil, err
	}
	return inBody(up, control.SetReadDeadline(time.Time{}))
}

func spaceProblem(err error) error {
	if err == nil {
		return nil
	}
	return problem(CodeNoSpace, err.Error())
}

// slowBody gives each piece of a body a deadline of its own, and says in words that it
// did not come.
type slowBody struct {
	r       io.Reader
	control *http.ResponseController
}

func (b *slowBody) Read(p []byte) (int, error) {
	if err := b.control.SetReadDeadline(time.Now().Add(stallTime)); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return n, problemWith(http.StatusRequestTimeout, CodeInvalid, "the upload stalled; nothing of it was kept")
	}
	return n, problem(CodeCut, "the upload ended before its time ("+err.Error()+"); nothing of it was kept")
}
