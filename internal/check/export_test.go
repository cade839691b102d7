package check

// Needs is what every resource and data source needs.
func Needs() map[string][]string {
	all := map[string][]string{}
	for _, table := range []map[string][]need{resources, dataSources} {
		for kind, list := range table {
			for _, n := range list {
				all[kind] = append(all[kind], n.service+" "+n.operation)
			}
		}
	}
	return all
}
