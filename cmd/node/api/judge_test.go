package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// contract is the document in the repository, and who judges by it.
var contract = sync.OnceValues(func() (*v3.Document, validator.Validator) {
	text, err := os.ReadFile(documentFile)
	if err != nil {
		panic(err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		panic(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		panic(err)
	}
	v, errs := validator.NewValidator(document, config.WithStrictMode(), config.WithFormatAssertions())
	if errs != nil {
		panic(fmt.Sprint(errs))
	}
	return &model.Model, v
})

// judge holds each exchange of a client against the document, which knows nothing of
// the code. It is under the client in all tests of this package.
type judge struct {
	t    *testing.T
	next http.RoundTripper

	mu   sync.Mutex
	seen map[string]bool // "GET /v1/node 200", by the document's path
}

func newJudge(t *testing.T, next http.RoundTripper) *judge {
	return &judge{t: t, next: next, seen: map[string]bool{}}
}

func (j *judge) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := readAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	answer, err := j.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		j.note(r, answer)
		return answer, nil // it does not end; a test of its own judges each event
	}
	got, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	answer.Body = io.NopCloser(io.MultiReader(bytes.NewReader(got), failing{err}))
	if err == nil {
		j.judge(r, sent, answer, got)
	}
	return answer, nil
}

func (j *judge) CloseIdleConnections() { j.next.(*http.Transport).CloseIdleConnections() }

// failing is the rest of a body that broke off.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func readAll(body io.Reader) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	return io.ReadAll(body)
}

func (j *judge) judge(r *http.Request, sent []byte, answer *http.Response, got []byte) {
	if !j.note(r, answer) {
		if string(got) == "the page" {
			return
		}
		if answer.StatusCode < 400 || answer.Header.Get("Content-Type") != problemType {
			j.say(r, answer, "it is nowhere in the document, so the answer is to be a problem")
		}
		return
	}
	_, v := contract()
	again := func() *http.Request {
		q := r.Clone(r.Context())
		q.Body = io.NopCloser(bytes.NewReader(sent))
		return q
	}
	allowed, faults := v.ValidateHttpRequestSync(again())
	isRefused := answer.StatusCode < 500 && bytes.Contains(got, []byte(`"code":"`+CodeInvalid+`"`))
	if !allowed && answer.StatusCode < 400 {
		j.say(r, answer, fmt.Sprint("accepted what the document forbids: ", faults))
	}
	if allowed && isRefused && answer.StatusCode != http.StatusRequestEntityTooLarge && answer.StatusCode != http.StatusRequestTimeout &&
		answer.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		j.say(r, answer, "refused what the document allows: "+string(got))
	}
	judged := *answer
	judged.Body = io.NopCloser(bytes.NewReader(got))
	if strings.HasPrefix(answer.Header.Get("Content-Type"), exportType) {
		return // the judge knows JSON of one value only
	}
	if valid, faults := v.ValidateHttpResponse(again(), &judged); !valid {
		for _, f := range faults {
			text := f.Message + ": " + f.Reason
			for _, s := range f.SchemaValidationErrors {
				text += " | " + s.FieldPath + " " + s.Reason
			}
			j.say(r, answer, "answered off the document: "+text)
		}
	}
}

func (j *judge) say(r *http.Request, answer *http.Response, what string) {
	j.t.Helper()
	j.t.Errorf("%s %s: %s: %s", r.Method, r.URL, answer.Status, what)
}

// note remembers what was driven, and tells whether the document has it.
func (j *judge) note(r *http.Request, answer *http.Response) bool {
	model, _ := contract()
	for path, item := range model.Paths.PathItems.FromOldest() {
		for method, op := range item.GetOperations().FromOldest() {
			if !strings.EqualFold(method, r.Method) || !fits(path, r.URL.EscapedPath()) {
				continue
			}
			status := fmt.Sprint(answer.StatusCode)
			if _, found := op.Responses.Codes.Get(status); !found {
				status = "default"
			}
			j.mu.Lock()
			j.seen[strings.ToUpper(method)+" "+path+" "+status] = true
			j.mu.Unlock()
			return true
		}
	}
	return false
}

// fits tells whether a path is one of a template's. Where two fit, the one without
// parameters stands first in the document or is judged alike.
func fits(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !(strings.HasPrefix(want[i], "{") && got[i] != "") {
			return false
		}
	}
	return true
}
