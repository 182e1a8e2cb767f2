package catalog

// LicenseURL is the address of the licence of a code (Dataset.License), as data.gouv.fr knows it: never the EU code, which it does not know.
// Any code but "odbl" is the Licence Ouverte 2.0.
func LicenseURL(code string) string {
	if code == "odbl" {
		return "http://opendatacommons.org/licenses/odbl/summary/"
	}
	return "https://www.etalab.gouv.fr/licence-ouverte-open-licence"
}
