package dashboard

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

func ask(method, path string, header ...string) *http.Response {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestThePageAndItsHeaders(t *testing.T) {
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/style.css": "text/css; charset=utf-8", "/main.js": "text/javascript; charset=utf-8",
		"/icon.svg": "image/svg+xml", "/lib/lean-qr/index.mjs": "text/javascript; charset=utf-8", "/lib/lit-html/LICENSE": "text/plain; charset=utf-8",
	} {
		r := ask("GET", path)
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != kind {
			t.Errorf("%s: %s, %s", path, r.Status, r.Header.Get("Content-Type"))
		}
		for key, value := range headers {
			if r.Header.Get(key) != value {
				t.Errorf("%s: %s is %q", path, key, r.Header.Get(key))
			}
		}
		if again := ask("GET", path, "If-None-Match", r.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s, which the browser has: %s", path, again.Status)
		}
		if head := ask("HEAD", path); head.StatusCode != 200 || head.ContentLength <= 0 {
			t.Errorf("HEAD %s: %s, %d bytes", path, head.Status, head.ContentLength)
		}
	}
}

func TestNothingElse(t *testing.T) {
	codes := map[int]api.Code{404: api.CodeNotFound, 405: api.CodeBadMethod}
	for line, status := range map[string]int{
		"GET /nothing": 404, "GET /v1/node": 404, "GET /../dashboard.go": 404, "GET /lib/": 404, "GET /lib/SHA256SUMS": 404,
		"GET /lib/lit-html/lit-html.d.ts": 404, "POST /": 405, "DELETE /main.js": 405,
	} {
		method, path, _ := strings.Cut(line, " ")
		r := ask(method, path)
		var problem struct {
			Status              int
			Title, Code, Detail string
		}
		if err := json.NewDecoder(r.Body).Decode(&problem); err != nil || r.StatusCode != status || problem.Status != status ||
			problem.Code != string(codes[status]) || problem.Detail == "" || r.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s, %+v, %v", line, r.Status, problem, err)
		}
	}
}

// TestNoFileNamesAnotherPlace: the policy would stop such a request; nobody is to
// read of one either. What is vendored names where it comes from in comments.
func TestNoFileNamesAnotherPlace(t *testing.T) {
	elsewhere := regexp.MustCompile(`(https?:)?//[a-z0-9-]+\.[a-z]+`)
	for _, pattern := range []string{"web/*", "web/parts/*", "web/pages/*"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			body, err := os.ReadFile(name)
			if err != nil {
				continue // a folder
			}
			for _, found := range elsewhere.FindAllString(string(body), -1) {
				if !strings.HasPrefix(found, "http://www.w") { // the name of SVG
					t.Errorf("%s names %s", name, found)
				}
			}
		}
	}
}

// TestVendoredFilesAreAsPublished holds what is vendored, no more and no less, against
// the sums that 'make vendor-web' wrote. The tests of the browser compare them with
// the packages.
func TestVendoredFilesAreAsPublished(t *testing.T) {
	want := map[string]string{}
	list, err := os.Open("web/lib/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	for lines := bufio.NewScanner(list); lines.Scan(); {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		want[filepath.Join("web/lib", name)] = sum
	}
	err = filepath.Walk("web/lib", func(name string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() || info.Name() == "SHA256SUMS" {
			return err
		}
		body, err := os.ReadFile(name)
		if sum := sha256.Sum256(body); want[name] != hex.EncodeToString(sum[:]) {
			t.Errorf("%s is not what was vendored: 'make vendor-web' fetches it anew", name)
		}
		delete(want, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("%s is missing: 'make vendor-web' fetches it", name)
	}
}

// TestVisible holds commands to the vectors by which the page is judged too.
func TestVisible(t *testing.T) {
	for _, v := range Visible(t) {
		if got := show.Text(v.In); got != v.Out {
			t.Errorf("%s: %q is shown as %q, not %q", v.What, v.In, got, v.Out)
		}
	}
}

// Vector is text of a stranger, and how it is shown.
type Vector struct{ What, In, Out string }

// Visible are the vectors of testdata/visible.json.
func Visible(t *testing.T) (all []Vector) {
	t.Helper()
	body, err := os.ReadFile("testdata/visible.json")
	if err == nil {
		err = json.Unmarshal(body, &all)
	}
	if err != nil || len(all) == 0 {
		t.Fatal("no vectors:", err)
	}
	return all
}
