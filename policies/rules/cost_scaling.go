package rules

import "strings"

func growthBounded() Rule {
	const managed = "productionVariants[].managedInstanceScaling"
	const ml = "properties.properties.scaleSettings.maxNodeCount"
	set := func(typ string, paths ...string) Matcher {
		return Matcher{Type: typ, Paths: paths, Unchecked: typ == mlCompute, Check: isSet(paths...)}
	}
	return Rule{
		ID:    "COST-04",
		Title: "What can grow grows by itself, and not above a bound that was chosen",
		Why: "A loop in a client, or an attack, grows the bill as fast as the load. A bound turns that into errors, which " +
			"somebody " +
			"sees.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			set(eksNodeGroup, "scalingConfig.maxSize"),
			set("aws:appautoscaling/target:Target", "minCapacity", "maxCapacity"),
			{
				// A variant is else scaled by an appautoscaling.Target, or not at all.
				Type: sagemakerEndpoint, Paths: []string{managed + ".maxInstanceCount"}, Check: func(c *Check) {
					for _, scaling := range c.Each(managed) {
						if !scaling.IsAbsent() {
							c.expect(scaling.at("maxInstanceCount"), "a bound", atLeast(1), nil)
						}
					}
				},
			},
			{Type: workgroup, Paths: []string{"maxCapacity", "baseCapacity"}, Check: func(c *Check) {
				base, known := c.Get("baseCapacity").Number()
				if !known {
					base = 0
				}
				c.AtLeast("maxCapacity", max(base, 1)) // default: none
			}},
			set("aws:emrserverless/application:Application", "maximumCapacity.cpu"), // default: none
			{
				Type: "aws:mwaa/environment:Environment", Paths: []string{"maxWorkers"},
				Check: func(c *Check) { c.AtMost("maxWorkers", 25, AbsentOK) }, // default: 10
			}, {
				Type: gkeNodePool, Paths: []string{"autoscaling.maxNodeCount", "autoscaling.totalMaxNodeCount"},
				Check: func(c *Check) {
					if c.Get("autoscaling.totalMaxNodeCount").IsAbsent() {
						c.Set("autoscaling.maxNodeCount")
					} else {
						c.Set("autoscaling.totalMaxNodeCount")
					}
				},
			},
			set(cloudRun, "template.scaling.maxInstanceCount"), // default: 100
			set("gcp:compute/autoscaler:Autoscaler", "autoscalingPolicy.maxReplicas"),
			{
				Type: aksAgentPool, Paths: []string{"enableAutoScaling", "maxCount"},
				Check: allOf(isTrue("enableAutoScaling"), isSet("maxCount")), // default: false
			}, {
				Type: containerApp, Paths: []string{"template.scale.maxReplicas"},
				Check: func(c *Check) { c.Between("template.scale.maxReplicas", 1, 1000, AbsentOK) }, // default: 10
			},
			set(mlCompute, ml),
		},
		Fix:         "Turn autoscaling on and set its maximum to what the budget can bear.",
		Remediation: "None: a bound that is too low refuses the customers.",
		Controls:    "HIPAA 164.312(b), 164.308(a)(7)(i); NIST SC-5(2), SC-6",
		Peers:       "Checkov CKV2_AWS_16, CKV_AWS_115; cdk-nag",
	}
}

func idleInDev() Rule {
	const ml = "properties.properties.scaleSettings.minNodeCount"
	zero := func(typ, path string) Matcher {
		return Matcher{
			Type: typ, Paths: []string{path}, Unchecked: typ == mlCompute,
			Check: func(c *Check) { c.AtMost(path, 0, AbsentOK) }, // default: 0
			Remedy: func(c *Check) []Change {
				if !c.In(Dev) {
					return nil
				}
				return setsUnless(func(v Value) bool { return v.IsAbsent() || equal(v, Of(0)) }, 0, path)(c)
			},
		}
	}
	return Rule{
		ID:    "COST-05",
		Title: "In dev, nothing runs that nobody uses",
		Why: "A dev stack is used for a few hours a week and paid for all of them, unless its machines go when they " +
			"are idle.",
		Severity: Medium,
		// Off in prod, where BAK-06 asks for the opposite.
		Levels: Levels{Mandatory, Advisory, Off},
		Matchers: []Matcher{
			{
				Type: eksNodeGroup, Paths: []string{"scalingConfig.minSize", "taints[].key", "nodeGroupName", "labels"},
				Check: groupGoes,
			}, {
				Type: "aws:appautoscaling/target:Target", Paths: []string{"minCapacity", "scalableDimension"},
				Check: targetGoes,
			}, {
				Type:  sagemakerEndpoint,
				Paths: []string{"productionVariants[].serverlessConfig", "asyncInferenceConfig"},
				Check: endpointGoes,
			}, {
				Type: gkeNodePool,
				Paths: []string{
					"autoscaling.minNodeCount", "autoscaling.totalMinNodeCount", "nodeCount", "name", "nodeConfig.labels",
				},
				Check: poolGoes,
			},
			zero(cloudRun, "template.scaling.minInstanceCount"),
			zero(containerApp, "template.scale.minReplicas"),
			zero(mlCompute, ml),
		},
		Fix: "Set the minimum to 0; SageMaker: serverlessConfig or asyncInferenceConfig. Name the node group that must " +
			"stay " +
			"system.",
		Remediation: "Sets the minimum of Cloud Run, Container Apps and Azure ML to 0 in dev. The first request then waits " +
			"for a start.",
		Peers: "Checkov CKV_AZURE_150 (Azure ML min nodes 0)",
	}
}

func groupGoes(c *Check) {
	// Something must run the parts that start machines: DNS, Karpenter. That group may be small, not empty.
	if systemGroup(c) {
		c.AtMost("scalingConfig.minSize", systemMachines)
		return
	}
	c.AtMost("scalingConfig.minSize", 0)
}

// systemMachines is how many machines may run for the cluster itself.
const systemMachines = 2

// targetGoes looks at the dimensions that can go to zero: SageMaker's variants with machines of their own, DynamoDB and
// others can not.
func targetGoes(c *Check) {
	switch is(c.Get("scalableDimension"), "ecs:service:DesiredCount", "sagemaker:inference-component:DesiredCopyCount",
		"lambda:function:ProvisionedConcurrency", "ec2:spot-fleet-request:TargetCapacity") {
	case Yes:
		c.AtMost("minCapacity", 0)
	case Maybe:
		c.Unsure("scalableDimension", "is not known yet, want minCapacity 0 where it can be")
	case No:
	}
}

func endpointGoes(c *Check) {
	queue := c.Get("asyncInferenceConfig")
	for _, variant := range c.Each("productionVariants[]") {
		either := there(queue).Or(there(variant.at("serverlessConfig").Value))
		c.owe(Yes, either, variant.Path, "serverlessConfig or asyncInferenceConfig")
	}
}

// there tells whether something is given: Maybe where it is not known yet.
func there(v Value) Tri {
	if v.IsUnknown() {
		return Maybe
	}
	return triOf(!v.IsAbsent())
}

// poolGoes judges a pool of GKE; one of a fixed size never goes to zero. Vertex AI's endpoints can not either, and are
// not asked.
func poolGoes(c *Check) {
	pool, _ := c.Get("name").Text()
	role, _ := c.Get("nodeConfig.labels").Key("role").Text()
	most := 0.0
	if isSystem(pool) || isSystem(role) {
		most = systemMachines
	}
	switch {
	case !c.Get("autoscaling.totalMinNodeCount").IsAbsent():
		c.AtMost("autoscaling.totalMinNodeCount", most)
	case !c.Get("autoscaling").IsAbsent():
		c.AtMost("autoscaling.minNodeCount", most, AbsentOK) // default: 0
	default:
		c.AtMost("nodeCount", most) // default: 1
	}
}

// systemGroup reports whether a node group is the one that runs what the cluster itself needs.
func systemGroup(c *Check) bool {
	name, _ := c.Get("nodeGroupName").Text()
	found := isSystem(name) || isSystem(c.Resource.Name)
	for _, taint := range c.Each("taints[].key") {
		key, _ := taint.Text()
		found = found || key == "CriticalAddonsOnly"
	}
	for _, key := range c.Get("labels").Keys() {
		role, _ := c.Get("labels").Key(key).Text()
		found = found || isSystem(role)
	}
	return found
}

func isSystem(name string) bool { return strings.Contains(strings.ToLower(name), "system") }

func idleStops() Rule {
	const (
		jupyter           = "defaultUserSettings.jupyterLabAppSettings."
		notebookLifecycle = "aws:sagemaker/notebookInstanceLifecycleConfiguration:NotebookInstanceLifecycleConfiguration"

		idle     = jupyter + "appLifecycleManagement.idleSettings.lifecycleManagement"
		compute  = "properties.properties."
		schedule = "instanceSchedulePolicy.vmStopSchedule.schedule"
	)
	return Rule{
		ID:       "COST-06",
		Title:    "Notebooks, clusters and applications stop when nobody uses them",
		Why:      "A notebook is left open on Friday and runs until Monday: two thirds of its cost are for nobody.",
		Severity: Medium,
		Levels:   Levels{Mandatory, Mandatory, Advisory},
		Matchers: []Matcher{
			{
				// A lifecycle script is the only way to stop a notebook instance.
				Type: "aws:sagemaker/notebookInstance:NotebookInstance", Paths: []string{"lifecycleConfigName"},
				Check: given("lifecycleConfigName", notebookLifecycle),
			}, {
				Type: "aws:sagemaker/domain:Domain", Paths: []string{idle}, Check: isText(idle, "ENABLED"),
			}, {
				Type: emrCluster, Paths: []string{"autoTerminationPolicy.idleTimeout", "keepJobFlowAliveWhenNoSteps"},
				Check: func(c *Check) {
					either := c.Given("autoTerminationPolicy.idleTimeout").
						Or(is(c.Get("keepJobFlowAliveWhenNoSteps"), false)) // default: true
					c.owe(Yes, either, "autoTerminationPolicy", "an idleTimeout, or keepJobFlowAliveWhenNoSteps false")
				},
			}, {
				Type:  "aws:emrserverless/application:Application",
				Paths: []string{"autoStopConfiguration.enabled", "autoStopConfiguration.idleTimeoutMinutes"},
				Check: func(c *Check) { // defaults: true, 15
					c.True("autoStopConfiguration.enabled", AbsentOK)
					c.AtMost("autoStopConfiguration.idleTimeoutMinutes", 60, AbsentOK)
				},
			}, {
				Type:  "gcp:dataproc/cluster:Cluster",
				Paths: []string{"clusterConfig.lifecycleConfig.idleDeleteTtl", "clusterConfig.lifecycleConfig.autoDeleteTime"},
				Check: func(c *Check) {
					if c.Get("clusterConfig.lifecycleConfig.autoDeleteTime").IsAbsent() {
						c.Set("clusterConfig.lifecycleConfig.idleDeleteTtl")
						return
					}
					c.Set("clusterConfig.lifecycleConfig.autoDeleteTime")
				},
			}, {
				Type: "gcp:workbench/instance:Instance", Paths: []string{"gceSetup.metadata"},
				Check: func(c *Check) {
					metadata := Item{Value: c.Get("gceSetup.metadata"), Path: "gceSetup.metadata"}
					c.expect(metadata.at("idle-timeout-seconds"), "10 minutes to a day", func(v Value) bool {
						n, ok := v.Number()
						return ok && n >= 600 && n <= 24*3600
					}, nil)
				},
			}, {
				// A schedule that only starts machines.
				Type:  "gcp:compute/resourcePolicy:ResourcePolicy",
				Paths: []string{schedule, "instanceSchedulePolicy.vmStartSchedule.schedule"},
				Check: func(c *Check) {
					if !c.Get("instanceSchedulePolicy.vmStartSchedule").IsAbsent() {
						c.Set(schedule)
					}
				},
			}, {
				Type: mlCompute, Unchecked: true,
				Paths: []string{
					compute + "idleTimeBeforeShutdown", compute + "scaleSettings.nodeIdleTimeBeforeScaleDown",
					"properties.computeType",
				},
				Check: func(c *Check) {
					if kind, _ := c.Get("properties.computeType").Text(); kind == "AmlCompute" {
						c.Set(compute+"scaleSettings.nodeIdleTimeBeforeScaleDown", AbsentOK) // default: two minutes
						return
					}
					c.Set(compute + "idleTimeBeforeShutdown")
				},
			}, {
				Type: "azure-native:synapse:BigDataPool", Unchecked: true,
				Paths: []string{"autoPause.enabled", "autoPause.delayInMinutes"},
				Check: func(c *Check) {
					c.True("autoPause.enabled")
					c.AtMost("autoPause.delayInMinutes", 60)
				},
			},
		},
		Fix: "Set the idle time-out of the notebook, the cluster or the application; for instances a schedule that " +
			"stops them.",
		Remediation: "None: what still runs would be stopped in the middle.",
		Peers:       "no static anchor; Cloud Custodian off-hours at runtime",
	}
}

// given wants something, which a resource of a type in the same stack may fill in later.
func given(path, typ string) CheckFunc {
	return func(c *Check) {
		if c.TakesFrom(path, typ) {
			c.Pass()
			return
		}
		c.Set(path)
	}
}
