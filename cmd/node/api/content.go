package api

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path/filepath"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func (s *Server) routeContent() {
	add(s, route{
		method: http.MethodGet, path: "/v1/transfers/{id}/content", id: "getContent", tag: tagTransfers, summary: "The bytes of a file that has arrived",
		description: "It is for saving, never for showing: a browser is told to treat it as bytes of no kind. Parts of it can be asked for.",
		content:     "application/octet-stream", codes: []Code{CodeUnknownTransfer, CodeNotHere, CodeBadFile},
	}, content)
	responses := s.api.OpenAPI().Paths["/v1/transfers/{id}/content"].Get.Responses
	responses["206"] = &huma.Response{Description: "The part that was asked for", Content: bytesOf("application/octet-stream")}
	responses["416"] = &huma.Response{Description: "`" + CodeInvalid + "`: the file has no such part", Content: responses["404"].Content}
}

type contentIn struct {
	ID     string `path:"id"`
	Ticket string `query:"ticket"`
	Range  string `header:"Range"`
}

func content(_ context.Context, h *house, in *contentIn) (*huma.StreamResponse, error) {
	t, err := transferWith(h, in.ID)
	if err != nil {
		return nil, err
	}
	if t.Direction != node.Incoming || t.State != filexfer.Finished || t.Manifest > 0 {
		return nil, problem(CodeNotHere, fmt.Sprintf("transfer %s brought no file here, or has not finished", t.ID))
	}
	file, info, err := openRegular(t.File)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer file.Close()
		r, w := humago.Unwrap(c)
		header := w.Header()
		header.Set("Content-Type", "application/octet-stream")
		header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": filepath.Base(t.File)}))
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		header.Set("Cache-Control", "no-store")
		http.ServeContent(&rangeWriter{ResponseWriter: w}, r, "", info.ModTime(), file)
	}}, nil
}

// openRegular opens a file that is neither a folder nor a device nor a pipe, which
// could keep whoever opens it for ever.
func openRegular(path string) (*os.File, os.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, problem(CodeBadFile, fmt.Sprintf("%q is no file any more", path))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return file, info, nil
}

// rangeWriter answers a range that the file does not have by a problem.
type rangeWriter struct {
	http.ResponseWriter
	refused bool
}

func (w *rangeWriter) WriteHeader(status int) {
	if status != http.StatusRequestedRangeNotSatisfiable {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.refused = true
	for _, name := range []string{"Content-Disposition", "Content-Length"} {
		w.Header().Del(name)
	}
	writeProblem(w.ResponseWriter, problemWith(status, CodeInvalid, "the file has no such part"))
}

func (w *rangeWriter) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}
