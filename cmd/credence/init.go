package main

import (
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const initHelp = `usage: credence init LANGUAGE DIR

Writes the skeleton of a shim into a new directory: go, python, typescript, rust, java or c. It builds with the ordinary tools of the
language, answers hello, and refuses everything else politely. Its README.md says how to build and judge it.

Exit status: 0 written; 2 usage, an unknown language, or the directory is there and not empty.
`

// skeletons has a folder for each language. What ends in .tmpl would mean something to Go here, and is written without
// it.
//
//go:embed all:skeletons
var skeletons embed.FS

func initShim(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("init", flag.ContinueOnError)
	err := parse(flags, args, initHelp, 2, stdout)
	if err == nil && flags.NArg() != 2 {
		err = errors.New("init takes a language and a directory (see credence init --help)")
	}
	if err != nil {
		return failed(stderr, err)
	}
	language, dir := flags.Arg(0), flags.Arg(1)
	if err := writeSkeleton(language, dir); err != nil {
		return complain(stderr, usage, err)
	}
	fmt.Fprintf(
		stdout, "%s has a shim in %s that answers hello. %s says how to build and judge it.\n", dir, language,
		filepath.Join(dir, "README.md"),
	)
	return conforms
}

func languages() (names []string, err error) {
	entries, err := skeletons.ReadDir("skeletons")
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// writeSkeleton writes the files of a language. It leaves a directory alone that has anything in it.
func writeSkeleton(language, dir string) error {
	known, err := languages()
	if err != nil {
		return err
	}
	if !slices.Contains(known, language) {
		return fmt.Errorf("there is no skeleton for %q (there are %s)", language, strings.Join(known, ", "))
	}
	there, err := os.ReadDir(dir)
	switch {
	case err == nil && len(there) > 0:
		return fmt.Errorf("%s is not empty; give a new directory", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	files, err := fs.Sub(skeletons, "skeletons/"+language)
	if err != nil {
		return err
	}
	return fs.WalkDir(files, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(strings.TrimSuffix(path, ".tmpl")))
		return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o644))
	})
}
