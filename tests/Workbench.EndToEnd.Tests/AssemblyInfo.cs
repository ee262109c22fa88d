// One browser and one trainer at a time: the machine may have only two cores.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
