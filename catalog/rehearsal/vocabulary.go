package rehearsal

// Vocabularies.
const (
	rdfNS  = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
	rdfs   = "http://www.w3.org/2000/01/rdf-schema#"
	xsd    = "http://www.w3.org/2001/XMLSchema#"
	dcat   = "http://www.w3.org/ns/dcat#"
	dct    = "http://purl.org/dc/terms/"
	dcatap = "http://data.europa.eu/r5r/"
	foaf   = "http://xmlns.com/foaf/0.1/"
	geo    = "http://www.opengis.net/ont/geosparql#"
	hydra  = "http://www.w3.org/ns/hydra/core#"
	skos   = "http://www.w3.org/2004/02/skos/core#"
	spdx   = "http://spdx.org/rdf/terms#"
	vcard  = "http://www.w3.org/2006/vcard/ns#"

	rdfType  = rdfNS + "type"
	rdfFirst = rdfNS + "first"
	rdfRest  = rdfNS + "rest"
	rdfNil   = rdfNS + "nil"

	authority  = "http://publications.europa.eu/resource/authority/"
	iana       = "https://www.iana.org/assignments/media-types/"
	hvdAct     = "http://data.europa.eu/eli/reg_impl/2023/138/oj"
	nationalAt = "https://schema.data.gouv.fr/"
)
