package api

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// exportType is the media type of an export: a JSON object a line (ndjson.org).
const exportType = "application/x-ndjson"

// export streams a conversation's entries. What fails before the first byte is
// answered as a problem; after it the connection breaks off, so that nobody takes
// a part for the whole.
func (s *Server) export(_ context.Context, h *house, in *refIn) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		out := &lateBody{w: w}
		err := h.ExportConversation(in.Ref, out)
		if err != nil && !out.begun {
			writeProblem(w, problemOf(s.gate.blame(h, err)))
			return
		}
		if err != nil {
			s.logger.Warn("an export broke off", "err", err)
			panic(http.ErrAbortHandler)
		}
		out.begin() // of a conversation without an entry
	}}, nil
}

// lateBody sends the answer's header with its first byte.
type lateBody struct {
	w     http.ResponseWriter
	begun bool
}

func (b *lateBody) Write(p []byte) (int, error) {
	b.begin()
	return b.w.Write(p)
}

func (b *lateBody) begin() {
	if !b.begun {
		b.begun = true
		b.w.Header().Set("Content-Type", exportType)
	}
}

// Export writes all entries of a conversation to w, a JSON object a line. After
// an error w holds a part only.
func (c *Client) Export(ctx context.Context, ref string, w io.Writer) error {
	answer, err := c.do(ctx, http.MethodGet, conversationPath(ref)+"/export", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return c.explain(err)
	}
	return nil
}
