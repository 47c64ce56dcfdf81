package logstore_test

const victimEnv = "PASSEUR_LOGSTORE_TEST_VICTIM"

func beVictim(string) {}
