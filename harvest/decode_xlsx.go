package harvest

// decodeXLSX opens an XLSX document. excelize's Rows tells neither the type nor the style of a cell and holds the archive whole, so the
// sheets are read here; the tests hold this reader to excelize's answers.
func decodeXLSX(a *archive, in Input, opt DecodeOptions) (Decoder, error) {
	w, err := openWorkbook(a)
	if err != nil {
		return nil, err
	}
	return decodeBook(w, "xlsx", in, opt)
}
