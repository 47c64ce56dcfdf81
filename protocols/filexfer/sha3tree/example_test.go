package sha3tree_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// Who knows a file's root takes the list of its units from anybody, and then each unit
// from anybody, in any order.
func Example() {
	file := bytes.Repeat([]byte("passeur\n"), 200_000) // a whole unit, and a shorter one
	list, err := sha3tree.Read(context.Background(), bytes.NewReader(file), int64(len(file)), nil)
	if err != nil {
		log.Fatal(err)
	}
	root := list.Root()
	fmt.Println(root)

	fmt.Println("the list is that of the root:", list.Check(root) == nil)
	last := file[sha3tree.UnitSize:]
	fmt.Println("the last unit is right:", sha3tree.Unit(last) == list.Unit(1))
	last[0] ^= 1
	fmt.Println("and now:", sha3tree.Unit(last) == list.Unit(1))

	// Output:
	// 2b2ff508135954d6994c183415222030034089fa916de5ea75cb75fb87e65a34
	// the list is that of the root: true
	// the last unit is right: true
	// and now: false
}
