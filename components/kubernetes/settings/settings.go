// Package settings says what the target kubernetes asks for besides the arguments of the layers: what the cluster has,
// and what lies outside of it. A stack file holds it under mlpathway:kubernetes.
package settings

// Settings describe the cluster.
type Settings struct {
	// Context of the kubeconfig that leads to the cluster. Required.
	Context string `yaml:"context"`
	// Namespace of the stack, which it makes. Default <team>-<environment>.
	Namespace string `yaml:"namespace"`
	// Operators that the cluster has, by the names in docs/kubernetes.md. Default none.
	Operators []string `yaml:"operators"`
	// InstallOperators installs those that the layers need and the cluster lacks, as charts of exact versions. Default
	// off: a missing one is an error.
	InstallOperators bool `yaml:"installOperators"`
	// Lake says where the data lake is.
	Lake Lake `yaml:"lake"`
	// Identity lets workloads act for accounts of a cloud.
	Identity Identity `yaml:"identity"`
	// Access says whom the workloads talk to outside of the namespace.
	Access Access `yaml:"access"`
	// Quota bounds what the namespace may ask for.
	Quota Quota `yaml:"quota"`
	// Nodes says by which labels workloads find their machines.
	Nodes Nodes `yaml:"nodes"`
	// Gateway leads requests from outside to endpoints. Default none: endpoints can be reached inside the cluster alone.
	Gateway Gateway `yaml:"gateway"`
	// Registry is the prefix of the repositories for images, such as registry.example.com/fraud. Default none.
	Registry string `yaml:"registry"`
	// PullSecret names the Secret of the namespace that opens the registry. Default none.
	PullSecret string `yaml:"pullSecret"`
	// Queue is the LocalQueue of the namespace for jobs where the stack makes no cluster layer. Default none.
	Queue string `yaml:"queue"`
	// Trainer is what training jobs are made as: jobset or trainjob. Default jobset.
	Trainer string `yaml:"trainer"`
	// Spark makes features that are distributed.
	Spark Spark `yaml:"spark"`
	// Feast keeps the newest features of each key where an endpoint can ask for them.
	Feast Feast `yaml:"feast"`
	// WakeQuery is a query of Prometheus for the requests per second that arrive for the endpoint, even while it has no
	// pod, such as a metric of the gateway. With it KEDA scales to zero. Default none.
	WakeQuery string `yaml:"wakeQuery"`
	// Prometheus is the address that KEDA asks. Default http://prometheus-operated.monitoring:9090.
	Prometheus string `yaml:"prometheus"`
	// ArgoServer is the address where a watcher asks for a run. Default http://argo-server.argo:2746.
	ArgoServer string `yaml:"argoServer"`
	// Grafana is the address of Grafana, for the link to the dashboard. Default none.
	Grafana string `yaml:"grafana"`
	// Prices per hour turn a budget in money into a quota. Required with a budget.
	Prices Prices `yaml:"prices"`
}

// Lake says where the data lake is.
type Lake struct {
	// URI of a zone with {zone} in the place of its name, such as s3://fraud-{zone}, s3://fraud/{zone} or
	// file:///lake/{zone}. Required.
	URI string `yaml:"uri"`
	// Endpoint of a store that speaks S3. Default that of the cloud.
	Endpoint string `yaml:"endpoint"`
	// Region of the store. Default us-east-1 with an endpoint.
	Region string `yaml:"region"`
	// Secret names the Secret of the namespace with the credentials as variables, such as AWS_ACCESS_KEY_ID and
	// AWS_SECRET_ACCESS_KEY. Default none: the workloads' identities have access.
	Secret string `yaml:"secret"`
	// SizeGiB of the disk behind file:///. Default 50.
	SizeGiB int `yaml:"sizeGiB"`
	// StorageClass of that disk. Default that of the cluster.
	StorageClass string `yaml:"storageClass"`
	// OneNode says that all pods run on one node, so that the disk need not be shared between nodes. Default off.
	OneNode bool `yaml:"oneNode"`
}

// Identity lets workloads act for accounts of a cloud.
type Identity struct {
	// Cloud is aws, gcp or azure. Default none.
	Cloud string `yaml:"cloud"`
	// Accounts by workload: the ARN of a role, the e-mail address of a service account or a client id. Workloads are
	// training, pipeline, endpoint, batch, monitoring, features and jobs by their names.
	Accounts map[string]string `yaml:"accounts"`
}

// Access says whom the workloads talk to outside of the namespace. What is not named is closed.
type Access struct {
	// Lake lists ranges of addresses of the store; every address with https where it is empty and the store lies outside.
	Lake []string `yaml:"lake"`
	// LakeNamespace is the namespace of a store inside the cluster. Default none.
	LakeNamespace string `yaml:"lakeNamespace"`
	// LakePort of the store. Default 443.
	LakePort int `yaml:"lakePort"`
	// APIServers lists ranges of addresses of the cluster's API, for the steps of the pipeline. Required with a pipeline.
	APIServers []string `yaml:"apiServers"`
	// APIPort of the cluster's API. Default 6443.
	APIPort int `yaml:"apiPort"`
	// GatewayNamespace is where requests come from. Default gateway-system.
	GatewayNamespace string `yaml:"gatewayNamespace"`
	// MonitoringNamespace is where Prometheus asks from. Default monitoring.
	MonitoringNamespace string `yaml:"monitoringNamespace"`
	// ArgoNamespace is where Argo runs. Default argo.
	ArgoNamespace string `yaml:"argoNamespace"`
}

// Quota bounds what the namespace may ask for.
type Quota struct {
	// CPUs of all pods. Default 16 in dev, 64 in stage, 256 in prod.
	CPUs int `yaml:"cpus"`
	// MemoryGiB of all pods. Default 4 GiB for each CPU.
	MemoryGiB int `yaml:"memoryGiB"`
	// Accelerators of all pods. Default 8.
	Accelerators int `yaml:"accelerators"`
	// Pods at a time. Default 200.
	Pods int `yaml:"pods"`
	// StorageGiB of all disks. Default 500.
	StorageGiB int `yaml:"storageGiB"`
}

// Nodes says by which labels workloads find their machines.
type Nodes struct {
	// Accelerators are the labels of the nodes with a kind of accelerator, such as gpu-large. Default none: any node that
	// has the resource will do.
	Accelerators map[string]map[string]string `yaml:"accelerators"`
	// Spot and OnDemand are the labels of the nodes with that kind of price. Default none: a workload takes either.
	Spot map[string]string `yaml:"spot"`
	// OnDemand are the labels of the nodes that nobody takes away.
	OnDemand map[string]string `yaml:"onDemand"`
	// SpotTaint is the key of the taint of interruptible nodes. Default none.
	SpotTaint string `yaml:"spotTaint"`
	// Karpenter names the class of the nodes that Karpenter makes for the pools. Default none: the nodes are there.
	Karpenter NodeClass `yaml:"karpenter"`
	// Provision asks the cluster's autoscaler for all nodes of a job at once: the name of a provisioning class, such as
	// queued-provisioning.gke.io. Default none.
	Provision string `yaml:"provision"`
	// Topology lists the labels of nodes from the widest place to the narrowest, such as a zone, a rack and a host, so
	// that the nodes of one job lie close together. Default none.
	Topology []string `yaml:"topology"`
	// Cohort is the group of queues that lend each other what they do not use. Default none.
	Cohort string `yaml:"cohort"`
	// Flavors are Kueue's flavors that the cluster's owner made, by the names of pools; interruptible nodes of a pool are
	// <pool>-spot. Teams lend each other only what is of the same flavor. Default flavors of the stack's own.
	Flavors map[string]string `yaml:"flavors"`
	// LendPercent is how much of the quota others of the cohort may borrow. Default 100.
	LendPercent *int `yaml:"lendPercent"`
	// BorrowPercent is how much beyond the quota the stack may borrow from the cohort. Default 100.
	BorrowPercent *int `yaml:"borrowPercent"`
}

// NodeClass names a class of Karpenter.
type NodeClass struct {
	// Group, Kind and Name of the class, such as karpenter.k8s.aws, EC2NodeClass and gpu.
	Group string `yaml:"group"`
	// Kind of the class.
	Kind string `yaml:"kind"`
	// Name of the class.
	Name string `yaml:"name"`
}

// Spark says with what the Spark operator makes features.
type Spark struct {
	// Image of Spark, with Python and the file system of the lake: hadoop-aws for s3://, the connector for gs://. Required
	// with features.distributed.
	Image string `yaml:"image"`
	// Version of Spark in the image. Default 3.5.5.
	Version string `yaml:"version"`
	// Conf are further settings, such as spark.hadoop.fs.s3a.aws.credentials.provider. Default none.
	Conf map[string]string `yaml:"conf"`
}

// Feast says with what the newest features of each key are kept.
type Feast struct {
	// Image of Feast with Redis and the lake's file system, such as feast[redis,aws]. Default none: no online store.
	Image string `yaml:"image"`
	// Redis is the image of Redis. Required with Image.
	Redis string `yaml:"redis"`
}

// Gateway leads requests from outside to endpoints. Either Name or Class is given.
type Gateway struct {
	// Host that requests ask for. Required with a gateway.
	Host string `yaml:"host"`
	// Name of a Gateway that is there, in Access.GatewayNamespace, with a listener https.
	Name string `yaml:"name"`
	// Class of a Gateway that the stack makes. Its proxies run in Access.GatewayNamespace: the stack's own is closed.
	Class string `yaml:"class"`
	// Certificate names the Secret of the namespace with the certificate of Host. Required with Class.
	Certificate string `yaml:"certificate"`
	// DrainSeconds is how long the load balancer still sends requests to a pod that ends. Default 20.
	DrainSeconds int `yaml:"drainSeconds"`
}

// Prices per hour in US dollars.
type Prices struct {
	// CPU is the price of one CPU.
	CPU float64 `yaml:"cpu"`
	// MemoryGiB is the price of one GiB of memory.
	MemoryGiB float64 `yaml:"memoryGiB"`
	// Accelerator is the price of one accelerator.
	Accelerator float64 `yaml:"accelerator"`
}
