package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// archive packs files into one folder: a zip for Windows, a tar.gz for others.
func (r *release) archive(t target, files []file) error {
	files = slices.SortedFunc(slices.Values(files), func(a, b file) int { return strings.Compare(a.name, b.name) })
	pack, suffix := packTar, ".tar.gz"
	if t.os == "windows" {
		pack, suffix = packZip, ".zip"
	}
	w, err := os.Create(r.path(t, suffix))
	if err != nil {
		return err
	}
	return errors.Join(pack(w, r.stem(t)+"/", r.time, files), w.Close())
}

func packTar(w io.Writer, folder string, at time.Time, files []file) error {
	compressed := gzip.NewWriter(w)
	packed := tar.NewWriter(compressed)
	for _, f := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: folder + f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: at,
		}
		if err := packed.WriteHeader(header); err != nil {
			return err
		}
		if _, err := packed.Write(f.data); err != nil {
			return err
		}
	}
	return errors.Join(packed.Close(), compressed.Close())
}

func packZip(w io.Writer, folder string, at time.Time, files []file) error {
	packed := zip.NewWriter(w)
	for _, f := range files {
		header := &zip.FileHeader{Name: folder + f.name, Method: zip.Deflate, Modified: at}
		header.SetMode(f.mode)
		entry, err := packed.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.data); err != nil {
			return err
		}
	}
	return packed.Close()
}
