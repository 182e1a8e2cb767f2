package store_test

const victimDir = "GRENIER_TEST_VICTIM"

func victim(dir string) {}
