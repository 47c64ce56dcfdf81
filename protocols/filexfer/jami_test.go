package filexfer_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// What the unit tests of Jami's file transfer ask for, by the names that they
// have there, and where it is shown here:
//
//	testFileTransfer (testCachedFileTransfer)   TestFilesOverOneConnection, TestSendAndReceive
//	testMultipleFileTransfer                    TestFilesOverOneConnection, TestManyAtOnce
//	testVcfFileTransferInConversation           TestFilesOverOneConnection
//	testDataTransferInfo                        TestDataTransferInfo
//	testBadSha3sumIn                            TestWantedFromItsBeginning, TestBadSenders
//	testCancelInTransfer                        TestCancelBetweenHosts, TestEnds
//	testCancelOutTransfer (without a body)      TestCancelBetweenHosts, TestEnds
//	testResumeTransferAfterInterruption         TestInterruptedTransferContinues (who asks again is not known here)
//	testTooLarge                                TestTooLarge
//
// And what none of them asks for:
//
//	NGO                                         TestRefusals, TestBadReceivers
//	nobody accepts in ten minutes               TestTimeouts
//	a header in fragments                       TestHeaderInFragments, TestOneByteAtATime
//	a file of no bytes                          TestSendAndReceive, TestNothingIsMissing
//	more than 4 GiB                             TestMoreThan4GiB, TestContinueBeyond4GiB
//	many devices seen as one                    TestMetaRules, TestMetaInvariants

// A file, then another over the same connection, then a vCard, which is a file
// like any other.
func TestFilesOverOneConnection(t *testing.T) {
	alice, bob := pair(t)
	source := t.TempDir()
	for i, name := range []string{"SEND", "SEND2", "profile.vcf"} {
		content := bytes.Repeat([]byte{'A' + byte(i)}, 64000)
		path := filepath.Join(source, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := filexfer.FileFromPath(path)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := alice.files.Send(t.Context(), bob.host.ID(), file)
		if err != nil || sent.State != filexfer.Finished {
			t.Errorf("%s: %v (%v)", name, sent.State, err)
		}
		if got, err := os.ReadFile(filepath.Join(bob.folder, name)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes came (%v)", name, len(got), err)
		}
		if end := <-bob.ends; end.State != filexfer.Finished || end.Sum != sent.Sum {
			t.Errorf("%s: the receiver's end: %+v", name, end)
		}
	}
	if conns := alice.host.Network().ConnsToPeer(bob.host.ID()); len(conns) != 1 {
		t.Errorf("%d connections", len(conns))
	}
}
