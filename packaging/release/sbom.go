package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeBill writes what a binary is made of, as the Go tool has noted it there, as a
// software bill of materials (CycloneDX, JSON). The same binary gives the same bytes.
func writeBill(binary, path string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read what was built: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	encoder := cdx.NewBOMEncoder(f, cdx.BOMFileFormatJSON).SetPretty(true)
	return errors.Join(encoder.Encode(bill(info)), f.Close())
}

func bill(info *debug.BuildInfo) *cdx.BOM {
	root := component(&info.Main)
	root.Type = cdx.ComponentTypeApplication
	parts := []cdx.Component{component(&debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")})}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		parts = append(parts, component(module))
	}
	refs := make([]string, len(parts))
	for i, p := range parts {
		refs[i] = p.BOMRef
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &root}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: root.BOMRef, Dependencies: &refs}}
	return bom
}

// component names a module by its package URL (purl-spec, type golang). Its hash is
// that of go.sum (h1: SHA-256 over the list of its files' sums).
func component(m *debug.Module) cdx.Component {
	purl := "pkg:golang/" + m.Path + "@" + m.Version
	c := cdx.Component{
		BOMRef: purl, Type: cdx.ComponentTypeLibrary, Scope: cdx.ScopeRequired,
		Name: m.Path, Version: m.Version, PackageURL: purl,
	}
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
	if err == nil && len(sum) > 0 {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	return c
}
