package dcat

// namespaces are the prefixes of every document, in order.
var namespaces = []struct{ prefix, iri string }{
	{"dcat", "http://www.w3.org/ns/dcat#"}, {"dcatap", "http://data.europa.eu/r5r/"}, {"dct", "http://purl.org/dc/terms/"},
	{"foaf", "http://xmlns.com/foaf/0.1/"}, {"geo", "http://www.opengis.net/ont/geosparql#"}, {"hydra", "http://www.w3.org/ns/hydra/core#"},
	{"rdfs", "http://www.w3.org/2000/01/rdf-schema#"}, {"skos", "http://www.w3.org/2004/02/skos/core#"}, {"spdx", "http://spdx.org/rdf/terms#"},
	{"vcard", "http://www.w3.org/2006/vcard/ns#"}, {"xsd", "http://www.w3.org/2001/XMLSchema#"},
}

// A kind says what the values of a property are, in every syntax.
type kind struct {
	lang     string // of texts
	datatype string // of typed literals, prefixed; "" with no lang is a plain literal
	whole    string // datatype, written out
	resource bool   // IRIs and blank nodes
}

func typed(datatype string) kind { return kind{datatype: datatype, whole: full(datatype)} }

var (
	resource = kind{resource: true}
	french   = kind{lang: "fr"}
	plain    = kind{}
	instant  = typed("xsd:dateTime")
	day      = typed("xsd:date")
	integer  = typed("xsd:integer")
	natural  = typed("xsd:nonNegativeInteger")
	hexes    = typed("xsd:hexBinary")
	wkt      = typed("geo:wktLiteral")
)

// A property is a line of the table below. Kept descriptions hold these numbers: a change of their order is a change of format.
type property uint8

const (
	accessRights property = iota
	accessURL
	accrualPeriodicity
	algorithm
	applicableLegislation
	availability
	bbox
	byteSize
	centroid
	checksum
	checksumValue
	conformsTo
	contactPoint
	datasetOf
	description
	distribution
	downloadURL
	endDate
	endpointDescription
	endpointURL
	exactMatch
	formatOf
	foafName
	foafPage
	hasEmail
	hasURL
	homepage
	hvdCategory
	hydraFirst
	hydraLast
	hydraNext
	hydraPrevious
	hydraView
	identifier
	inSeries
	issued
	keyword
	label
	landingPage
	language
	license
	mediaType
	modified
	publisher
	servesDataset
	service
	spatial
	startDate
	temporal
	theme
	themeTaxonomy
	title
	totalItems
	typeOf
	vcardName
	lastProperty
)

// properties is the one table of properties: every syntax writes what it says, so that syntaxes cannot diverge.
var properties = [lastProperty]struct {
	name string // prefixed
	kind kind
}{
	accessRights: {"dct:accessRights", resource}, accessURL: {"dcat:accessURL", resource}, accrualPeriodicity: {"dct:accrualPeriodicity", resource},
	algorithm: {"spdx:algorithm", resource}, applicableLegislation: {"dcatap:applicableLegislation", resource}, availability: {"dcatap:availability", resource},
	bbox: {"dcat:bbox", wkt}, byteSize: {"dcat:byteSize", natural}, centroid: {"dcat:centroid", wkt}, checksum: {"spdx:checksum", resource},
	checksumValue: {"spdx:checksumValue", hexes}, conformsTo: {"dct:conformsTo", resource}, contactPoint: {"dcat:contactPoint", resource},
	datasetOf: {"dcat:dataset", resource}, description: {"dct:description", french}, distribution: {"dcat:distribution", resource},
	downloadURL: {"dcat:downloadURL", resource}, endDate: {"dcat:endDate", day}, endpointDescription: {"dcat:endpointDescription", resource},
	endpointURL: {"dcat:endpointURL", resource}, exactMatch: {"skos:exactMatch", resource}, formatOf: {"dct:format", resource}, foafName: {"foaf:name", french},
	foafPage: {"foaf:page", resource}, hasEmail: {"vcard:hasEmail", resource}, hasURL: {"vcard:hasURL", resource}, homepage: {"foaf:homepage", resource},
	hvdCategory: {"dcatap:hvdCategory", resource}, hydraFirst: {"hydra:first", resource}, hydraLast: {"hydra:last", resource}, hydraNext: {"hydra:next", resource},
	hydraPrevious: {"hydra:previous", resource}, hydraView: {"hydra:view", resource}, identifier: {"dct:identifier", plain}, inSeries: {"dcat:inSeries", resource},
	issued: {"dct:issued", instant}, keyword: {"dcat:keyword", french}, label: {"rdfs:label", plain}, landingPage: {"dcat:landingPage", resource},
	language: {"dct:language", resource}, license: {"dct:license", resource}, mediaType: {"dcat:mediaType", resource}, modified: {"dct:modified", instant},
	publisher: {"dct:publisher", resource}, servesDataset: {"dcat:servesDataset", resource}, service: {"dcat:service", resource}, spatial: {"dct:spatial", resource},
	startDate: {"dcat:startDate", day}, temporal: {"dct:temporal", resource}, theme: {"dcat:theme", resource}, themeTaxonomy: {"dcat:themeTaxonomy", resource},
	title: {"dct:title", french}, totalItems: {"hydra:totalItems", integer}, typeOf: {"dct:type", resource}, vcardName: {"vcard:fn", french},
}

// A class is what a node is. Kept descriptions hold these numbers too.
type class uint8

const (
	agent class = iota
	catalogue
	checksumNode
	collection
	collectionPage
	dataset
	datasetSeries
	dataService
	distributionNode
	document
	licenseDocument
	location
	mediaTypeOrExtent
	periodOfTime
	standard
	vcardKind
	vcardOrganization
	lastClass
)

var classes = [lastClass]string{
	agent: "foaf:Agent", catalogue: "dcat:Catalog", checksumNode: "spdx:Checksum", collection: "hydra:Collection", collectionPage: "hydra:PartialCollectionView",
	dataset: "dcat:Dataset", datasetSeries: "dcat:DatasetSeries", dataService: "dcat:DataService", distributionNode: "dcat:Distribution", document: "foaf:Document",
	licenseDocument: "dct:LicenseDocument", location: "dct:Location", mediaTypeOrExtent: "dct:MediaTypeOrExtent", periodOfTime: "dct:PeriodOfTime",
	standard: "dct:Standard", vcardKind: "vcard:Kind", vcardOrganization: "vcard:Organization",
}

// A space is what many IRIs begin with; kept descriptions hold its number and the rest. The first is nothing, the second the public address of the
// site, which is not kept.
type space uint8

const (
	anywhere space = iota
	here
	authority
	mediaTypes
	hvdCodes
	inseeCodes
	lastSpace
)

var spaces = [lastSpace]string{
	authority:  "http://publications.europa.eu/resource/authority/",
	mediaTypes: "https://www.iana.org/assignments/media-types/", // with https: the other form is stored whole by data.gouv.fr
	hvdCodes:   "http://data.europa.eu/bna/",
	inseeCodes: "http://id.insee.fr/geo/",
}

const (
	hvdAct         = "http://data.europa.eu/eli/reg_impl/2023/138/oj"
	localAuthority = "http://purl.org/adms/publishertype/LocalAuthority"
	sha256Code     = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"
)

// euLicences are the EU codes of the licences, by ours.
var euLicences = map[string]string{"lov2": "licence/ETALAB_2_0", "odbl": "licence/ODC_BL"}
