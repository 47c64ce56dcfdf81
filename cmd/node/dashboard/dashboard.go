// Package dashboard is the page by which people use a node from a browser: plain
// ES modules, one style sheet, and two small libraries that are vendored as they
// were published (web/lib). All of it is embedded, so that what is committed is
// what runs, and the page never asks anybody but its own node for anything.
//
// It is no server and holds nothing about the node: the page draws what the local
// API (package api) tells it under /v1, for which it needs the token that stands
// after the # of the address that 'passeur dashboard' opens.
package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// Types beside the vendored modules are for the checks only.
//
//go:embed web/*.html web/*.css web/*.js web/*.svg web/parts/*.js web/pages/*.js
//go:embed web/lib/*/LICENSE web/lib/lean-qr/*.mjs web/lib/lit-html/*.js web/lib/lit-html/directives/*.js
var files embed.FS

// policy lets the page use what this handler serves and nothing else; text becomes
// markup nowhere but in lit-html's templates, which are part of the scripts.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html"

var headers = map[string]string{
	"Content-Security-Policy":      policy,
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-cache", // a new binary has a new page
}

// kinds are the media types by the ending; a file without one is a licence.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".mjs":  "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	"":      "text/plain; charset=utf-8",
}

// page is one file as it is served.
type page struct {
	kind, tag string
	body      []byte
}

// Handler serves the page at / and its files beside it, to GET and HEAD. Everything
// else is answered by a problem (RFC 9457) with status 404 or 405.
func Handler() http.Handler {
	web, err := fs.Sub(files, "web")
	if err != nil {
		panic(err) // the path is a constant
	}
	return handler(pages(web))
}

// pages reads what is to be served, by its path in the address.
func pages(web fs.FS) map[string]page {
	all := map[string]page{}
	err := fs.WalkDir(web, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(web, name)
		sum := sha256.Sum256(body)
		tag := base64.RawURLEncoding.EncodeToString(sum[:12])
		all["/"+name] = page{kinds[path.Ext(name)], `"` + tag + `"`, body}
		return err
	})
	if err != nil {
		panic(err) // it reads from the binary
	}
	all["/"] = all["/index.html"]
	return all
}

func handler(all map[string]page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for key, value := range headers {
			w.Header().Set(key, value)
		}
		p, found := all[r.URL.Path]
		switch {
		case !found:
			refuse(w, http.StatusNotFound, "not-found", fmt.Sprintf("the dashboard has no file %q", r.URL.Path))
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "bad-method", "the dashboard's files can only be read")
		default:
			w.Header().Set("Content-Type", p.kind)
			w.Header().Set("ETag", p.tag)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.body))
		}
	})
}

func refuse(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{ // a failed write means that nobody reads it
		"status": status, "title": http.StatusText(status), "code": code, "detail": detail,
	})
}
