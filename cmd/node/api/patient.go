package api

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"time"
)

// writeTimeout is how long a reader may stall before it is cut off.
const writeTimeout = 30 * time.Second

// patient gives each piece that h writes a deadline of its own: an answer may take
// long, a reader that takes nothing may not.
func patient(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &patientWriter{ResponseWriter: w, control: http.NewResponseController(w)}
		h.ServeHTTP(p, r)
		p.wait() // the rest is written when h is done
	})
}

// patientWriter knows whether an answer has begun.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

// wait lets the reader take writeTimeout from now on. Where the connection is gone the
// next write tells.
func (w *patientWriter) wait() { w.control.SetWriteDeadline(time.Now().Add(writeTimeout)) }

func (w *patientWriter) WriteHeader(status int) {
	w.begun = true
	w.wait()
	w.ResponseWriter.WriteHeader(status)
}

func (w *patientWriter) Write(p []byte) (int, error) {
	w.begun = true
	w.wait()
	return w.ResponseWriter.Write(p)
}

// Flush sends what was written.
func (w *patientWriter) Flush() { w.control.Flush() }

// Unwrap lets an http.ResponseController find the connection.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recovering answers a panic of h by a problem, or by breaking off what has begun. The
// writer that it is given must be patient.
func (s *Server) recovering(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler {
				panic(cause)
			}
			s.logger.Error("a request made the API panic", "method", r.Method, "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
			if p, ok := w.(*patientWriter); ok && p.begun {
				panic(http.ErrAbortHandler)
			}
			writeProblem(w, problem(CodeInternal, fmt.Sprint(cause)))
		}()
		h.ServeHTTP(w, r)
	})
}
