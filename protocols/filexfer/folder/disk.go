package folder

import (
	"errors"
	"io/fs"
	"os"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// flushAll makes each file and folder in dir durable, one after the other.
func flushAll(dir *os.Root) error {
	err := fs.WalkDir(dir.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			inside, err := dir.OpenRoot(path)
			if err != nil {
				return err
			}
			return errors.Join(filexfer.SyncFolder(inside), inside.Close())
		case !d.Type().IsRegular():
			return nil
		}
		file, err := dir.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return errors.Join(file.Sync(), file.Close())
	})
	return err
}

// moveAnywhere is moveDir with nothing but what every system has: an empty folder
// claims the name. Where a rename does not replace it, it gives way for a moment, and
// a folder that takes its place then is not replaced either.
func moveAnywhere(from *os.Root, name string, to *os.Root, as string) error {
	if err := to.Mkdir(as, 0o777); err != nil {
		return err
	}
	source, target := from.Name()+string(os.PathSeparator)+name, to.Name()+string(os.PathSeparator)+as
	err := os.Rename(source, target)
	if err != nil {
		err = errors.Join(to.Remove(as), os.Rename(source, target))
	}
	return err
}
